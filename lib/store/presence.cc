// Run lengths, absent first, as they are or as two integer codes; or the bits: whichever is shortest. Clients that come
// and go make few long runs. A field that is sent at every tenth gather makes many runs of two lengths, which integer
// codes store in next to nothing. Bits are for columns without a pattern.

#include "store/presence.h"

#include <array>
#include <string_view>

#include "store/integer_codec.h"
#include "store/rows.h"

namespace resmon::store {

namespace {

using RunLengths = std::array<std::vector<std::int64_t>, 2>;  // of absent values, of others

std::string coded_runs(const RunLengths& lengths) {
  std::string coded;
  std::string code;
  for (const std::vector<std::int64_t>& kind : lengths) {
    code.clear();
    encode_integers(kind, code);
    put_varint(coded, code.size());
    coded += code;
  }
  return coded;
}

bool get_bits(ByteReader& reader, std::size_t rows, PresenceBits& bits, std::size_t& present) {
  const std::string_view bytes = reader.take((rows + 7) / 8);
  if (reader.bad()) return false;
  for (std::size_t row = 0; row < rows; ++row) {
    if ((unsigned{static_cast<unsigned char>(bytes[row / 8])} >> (row % 8) & 1U) == 0) continue;
    set_bit(bits, row);
    ++present;
  }
  return true;
}

bool get_runs(ByteReader& reader, std::uint64_t runs, bool coded, std::size_t rows, PresenceBits& bits,
              std::size_t& present) {
  if (runs > rows + 1) return false;  // only the first may be empty
  RunLengths lengths;
  for (std::size_t kind = 0; coded && kind < lengths.size(); ++kind) {
    lengths.at(kind).resize((runs + 1 - kind) / 2);
    if (!decode_integers(reader.take(reader.varint()), lengths.at(kind))) return false;
  }
  std::size_t row = 0;
  for (std::uint64_t i = 0; i < runs; ++i) {
    const std::uint64_t run = coded ? static_cast<std::uint64_t>(lengths.at(i % 2)[i / 2]) : reader.varint();
    if (reader.bad() || run > rows - row) return false;
    if (i % 2 == 1) {
      for (std::size_t j = 0; j < run; ++j) set_bit(bits, row + j);
      present += run;
    }
    row += run;
  }
  return row == rows;
}

}  // namespace

PresenceBits whole_presence(std::size_t rows) {
  PresenceBits bits((rows + 63) / 64, ~std::uint64_t{0});
  if (rows % 64 != 0) bits.back() = (std::uint64_t{1} << (rows % 64)) - 1;
  return bits;
}

void put_presence(const PresenceBits& bits, std::size_t rows, std::string& out) {
  constexpr std::size_t kWorthCoding = 12;
  bool state = false;
  std::uint64_t run = 0;
  RunLengths lengths;
  std::string plain;
  const auto end_run = [&] {
    lengths.at(state ? 1 : 0).push_back(static_cast<std::int64_t>(run));
    put_varint(plain, run);
    run = 0;
    state = !state;
  };
  for (std::size_t row = 0; row < rows; ++row) {
    if (bit(bits, row) != state) end_run();
    ++run;
  }
  end_run();
  const std::size_t runs = lengths[0].size() + lengths[1].size();
  const std::string coded = plain.size() > kWorthCoding ? coded_runs(lengths) : std::string();
  const bool code = !coded.empty() && coded.size() < plain.size();
  if (const std::string& shorter = code ? coded : plain; shorter.size() <= rows / 8) {
    put_varint(out, runs << 1U | (code ? 1U : 0U));
    out += shorter;
    return;
  }
  put_varint(out, 0);
  for (std::size_t row = 0; row < rows; row += 8) out.push_back(static_cast<char>(bits[row / 64] >> (row % 64)));
}

bool get_presence(ByteReader& reader, std::size_t rows, PresenceBits& bits, std::size_t& present) {
  bits.assign((rows + 63) / 64, 0);
  present = 0;
  const std::uint64_t head = reader.varint();
  if (reader.bad()) return false;
  if (head == 0) return get_bits(reader, rows, bits, present);
  return get_runs(reader, head >> 1U, (head & 1U) != 0, rows, bits, present);
}

void pass_presence(ByteReader& reader, std::size_t rows) {
  if (const std::uint64_t head = reader.varint(); head == 0)
    (void)reader.take((rows + 7) / 8);
  else if ((head & 1U) == 0)
    reader.pass_varints(head >> 1U);
  else
    for (int kind = 0; kind < 2; ++kind) (void)reader.take(reader.varint());
}

}  // namespace resmon::store
