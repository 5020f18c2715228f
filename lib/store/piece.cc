// A machine's values mostly stand still or move by little, so a row is: which values changed, one bit each, and by how
// much, one varint each. That is 0.7 byte a value instead of the 8 of a cell, written and read at a nanosecond or two,
// which is what a writer that sees every sample can afford; the coder that makes chunks (integer_codec.h) halves it
// again at fifty times the price, once, when the head is sealed.
//
// Rejected: a general compressor for full pieces (a third smaller, ten times slower to read).

#include "store/piece.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "store/piece_values.h"

namespace resmon::store {

using metric::Cell;
using metric::FieldType;

namespace {

// Word number `word` of a bitmap that begins at `at`; `readable` bytes are there in all. What is beyond the bitmap's
// end is anything.
std::uint64_t bits_at(const char* at, std::size_t word, std::size_t readable) {
  std::uint64_t bits = 0;
  if (word * 8 + 8 <= readable)
    std::memcpy(&bits, at + word * 8, 8);
  else if (word * 8 < readable)
    std::memcpy(&bits, at + word * 8, readable - word * 8);
  return bits;
}

// std::popcount is a call where the processor may lack the instruction.
std::size_t count_bits(std::uint64_t bits) {
  bits -= (bits >> 1U) & 0x5555555555555555U;
  bits = (bits & 0x3333333333333333U) + ((bits >> 2U) & 0x3333333333333333U);
  bits = (bits + (bits >> 4U)) & 0x0f0f0f0f0f0f0f0fU;
  return bits * 0x0101010101010101U >> 56U;
}

bool has_all(const SlotRow& row, std::size_t slots) {
  for (std::size_t word = 0; word * 64 < slots; ++word) {
    const std::size_t left = slots - word * 64;
    if (row.presence[word] != (left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1)) return false;
  }
  return true;
}

void grow(std::string& bytes, std::size_t by) {
  // By a quarter, not to twice as much: there may be a million heads, and most of them are small.
  const std::size_t needed = bytes.size() + by;
  if (needed > bytes.capacity()) bytes.reserve(needed + needed / 4);
}

}  // namespace

void begin_piece(std::size_t slots, Piece& piece, PieceEnd& end) {
  piece = {};
  piece.slots = static_cast<std::uint32_t>(slots);
  end.cells = std::make_unique<Cell[]>(slots);
  end.step = 0;
}

bool append_row(UnixNanos time, const SlotRow& row, std::span<const Slot> slots, Piece& piece, PieceEnd& end,
                std::string& scratch) {
  const std::size_t count = piece.slots;
  const std::size_t bitmap = (count + 7) / 8;
  const bool amends = piece.rows > 0 && time == piece.last_time;
  const bool whole = has_all(row, count);

  if (const std::size_t room = 1 + kMaxVarint + bitmap * 2 + (count + 1) * kMaxVarint; scratch.size() < room)
    scratch.resize(room);
  char* out = scratch.data();
  char* const header = out++;
  unsigned flags = amends ? kAmends : 0;
  if (piece.rows == 0) {
    piece.first_time = time;
  } else if (!amends) {
    // In 64 bits without a sign, as any two times differ by.
    const auto step =
        static_cast<UnixNanos>(static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(piece.last_time));
    if (step != end.step) {
      flags |= kStep;
      out = put(out, static_cast<std::uint64_t>(step));
      end.step = step;
    }
  }
  if (!whole) {
    flags |= kSome;
    std::memcpy(out, row.presence.data(), bitmap);
    out += bitmap;
  }
  *header = static_cast<char>(flags);
  std::size_t changes_at = static_cast<std::size_t>(out - scratch.data());
  out += bitmap;
  for (std::size_t word = 0; word * 64 < count; ++word) {
    std::uint64_t changed = 0;
    for (std::uint64_t bits = row.presence[word]; bits != 0; bits &= bits - 1) {
      const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      const Cell cell = row.cells[slot];
      Cell& before = end.cells[slot];
      switch (slots[slot].type) {
        case FieldType::kString: {
          const std::string_view text = metric::as_string(cell, row.text);
          if (text == metric::as_string(before, piece.bytes)) continue;
          const auto used = static_cast<std::size_t>(out - scratch.data());
          scratch.resize(std::max(scratch.size(), used + text.size() + (count + 1) * kMaxVarint));
          out = put(scratch.data() + used, text.size());
          before =
              metric::string_cell(piece.bytes.size() + static_cast<std::size_t>(out - scratch.data()), text.size());
          if (!text.empty()) std::memcpy(out, text.data(), text.size());
          out += text.size();
          break;
        }
        case FieldType::kFloat:
          if (cell == before) continue;
          out = put_float(out, cell, before);
          before = cell;
          break;
        case FieldType::kBoolean:
          if (cell == before) continue;
          before = cell;
          break;
        default:
          if (cell == before) continue;
          out = put_integer(out, cell, before);
          before = cell;
      }
      changed |= bits & (~bits + 1);
    }
    const std::size_t bytes = std::min<std::size_t>(8, bitmap - word * 8);
    std::memcpy(scratch.data() + changes_at, &changed, bytes);
    changes_at += bytes;
  }
  const auto size = static_cast<std::size_t>(out - scratch.data());
  grow(piece.bytes, size);
  piece.bytes.append(scratch.data(), size);
  piece.last_time = time;
  if (!amends) ++piece.rows;
  return whole;
}

void PieceReader::open(const Piece& piece, std::span<const Slot> slots, const std::vector<std::uint64_t>* wanted) {
  slots_ = slots.first(piece.slots);
  begin_ = piece.bytes.data();
  bytes_ = ByteReader(piece.bytes);
  row_.begin(slots_.size(), piece.bytes);
  std::fill(row_.cells.begin(), row_.cells.end(), 0);
  hundredths_.assign(slots_.size(), 0);
  kinds_.assign(row_.presence.size(), {});
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    Kinds& kinds = kinds_[slot / 64];
    kinds.all |= bit;
    if (slots_[slot].type == FieldType::kFloat) kinds.floats |= bit;
    if (slots_[slot].type == FieldType::kString) kinds.strings |= bit;
    if (slots_[slot].type == FieldType::kBoolean) kinds.booleans |= bit;
  }
  for (std::size_t word = 0; word < kinds_.size(); ++word)
    kinds_[word].wanted = wanted == nullptr ? kinds_[word].all : word < wanted->size() ? (*wanted)[word] : 0;
  time_ = piece.first_time;
  step_ = 0;
  first_ = true;
  damaged_ = false;
}

bool PieceReader::next() {
  if (bytes_.empty() || damaged_) return false;
  damaged_ = true;  // until the row is read
  const auto header = bytes_.fixed<std::uint8_t>();
  if ((header & kAmends) != 0) return false;
  if ((header & kStep) != 0) step_ = static_cast<UnixNanos>(bytes_.varint());
  if (!first_) {
    const auto later = static_cast<UnixNanos>(static_cast<std::uint64_t>(time_) + static_cast<std::uint64_t>(step_));
    if (later <= time_) return false;
    time_ = later;
  }
  first_ = false;
  if (!values(header, false)) return false;
  while (!bytes_.empty() && (static_cast<unsigned char>(bytes_.rest().front()) & kAmends) != 0) {
    if (!values(bytes_.fixed<std::uint8_t>(), true)) return false;
  }
  damaged_ = false;
  return true;
}

bool PieceReader::values(unsigned header, bool amends) {
  if ((header & ~(kAmends | kSome | kStep)) != 0) return false;
  const std::size_t bitmap = (slots_.size() + 7) / 8;
  const bool some = (header & kSome) != 0;
  const char* const presence = bytes_.rest().data();
  const std::size_t readable = bytes_.left();
  bytes_.take(some ? bitmap * 2 : bitmap);
  if (bytes_.bad()) return false;
  const char* const changes = some ? presence + bitmap : presence;
  // Bits beyond a bitmap's end, which are read with it, are those of something else.
  const std::uint64_t beyond = bitmap % 8 == 0 ? 0 : ~std::uint64_t{0} << (bitmap % 8 * 8);
  for (std::size_t word = 0; word < kinds_.size(); ++word) {
    const Kinds& kinds = kinds_[word];
    const std::uint64_t mask = word + 1 == kinds_.size() ? ~beyond : ~std::uint64_t{0};
    std::uint64_t& there = row_.presence[word];
    if (some) {
      const std::uint64_t bits = bits_at(presence, word, readable) & mask;
      if ((bits & ~kinds.all) != 0) return false;
      there = amends ? there | bits : bits;
    } else {
      there = kinds.all;
    }
    std::uint64_t changed = bits_at(changes, word, readable - static_cast<std::size_t>(changes - presence)) & mask;
    if ((changed & ~there) != 0) return false;
    for (std::uint64_t wanted = changed & kinds.wanted; wanted != 0; wanted &= wanted - 1) {
      const std::uint64_t bit = wanted & (~wanted + 1);
      if (!pass_over(kinds, changed & (bit - 1))) return false;
      if (!value(word * 64 + static_cast<std::size_t>(std::countr_zero(bit)))) return false;
      changed &= ~(bit | (bit - 1));
    }
    if (!pass_over(kinds, changed)) return false;
  }
  return !bytes_.bad();
}

// Runs of one kind at once.
bool PieceReader::pass_over(const Kinds& kinds, std::uint64_t slots) {
  slots &= ~kinds.booleans;
  while (slots != 0) {
    const std::uint64_t first = slots & (~slots + 1);
    if ((first & kinds.strings) != 0) {
      bytes_.take(bytes_.varint());
      slots &= slots - 1;
      continue;
    }
    const bool floats = (first & kinds.floats) != 0;
    // Those before the next of another kind.
    const std::uint64_t others = slots & (floats ? ~kinds.floats : kinds.floats | kinds.strings);
    const std::uint64_t run = slots & ((others & (~others + 1)) - 1);
    slots ^= run;
    auto count = count_bits(run);
    if (!floats) {
      bytes_.pass_varints(count);
      continue;
    }
    while ((count -= bytes_.pass_even_varints(count)) > 0) {
      bytes_.take(bytes_.varint() >> 1U);
      if (bytes_.bad()) return false;
      --count;
    }
  }
  return !bytes_.bad();
}

bool PieceReader::value(std::size_t slot) {
  Cell& cell = row_.cells[slot];
  const FieldType type = slots_[slot].type;
  if (type == FieldType::kBoolean) {
    cell ^= 1U;
    return true;
  }
  switch (type) {
    case FieldType::kString:
      if (!get_string(bytes_, begin_, cell)) return false;
      break;
    case FieldType::kFloat:
      if (!get_float(bytes_, cell, hundredths_[slot])) return false;
      break;
    default:
      get_integer(bytes_, cell);
  }
  return !bytes_.bad();
}

}  // namespace resmon::store
