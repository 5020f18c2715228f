// A machine's values mostly stand still or move by little, so a row is: which values changed, one bit each, and by how
// much, one varint each. That is 0.7 byte a value instead of the 8 of a cell, written and read at a nanosecond or two,
// which is what a writer that sees every sample and a query that wants the last minutes can afford; the coder that
// makes chunks (integer_codec.h) halves it again at fifty times the price, once, when the head is sealed.
//
// Rejected: columns instead of rows once a piece is full (less to decode for a query of one column, but a second code
// to keep true); a general compressor for full pieces (a third smaller, ten times slower to read).

#include "store/piece.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "store/bytes.h"

namespace resmon::store {

using metric::Cell;
using metric::FieldType;

namespace {

constexpr unsigned kAmends = 1;  // changes the row before; has no time
constexpr unsigned kSome = 2;    // says which slots there are; otherwise all
constexpr unsigned kStep = 4;    // says how much later than the row before; otherwise as much as that
constexpr std::size_t kMaxVarint = 10;

constexpr double kMaxHundredths = 1e13;

// What both sides take for the hundredths of a value, exact or not.
std::int64_t hundredths_of(Cell cell) {
  const double scaled = metric::as_float(cell) * 100;
  if (!(std::abs(scaled) < kMaxHundredths)) return 0;
  return static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
}

Cell cell_of_hundredths(std::int64_t hundredths) {
  return metric::cell_of(static_cast<double>(hundredths) / 100);
}

char* put(char* out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7U) *out++ = static_cast<char>(v | 0x80U);
  *out++ = static_cast<char>(v);
  return out;
}

// An even number is the difference in hundredths; an odd one says how many low bytes follow that differ.
char* put_float(char* out, Cell cell, Cell before) {
  const std::int64_t hundredths = hundredths_of(cell);
  if (cell_of_hundredths(hundredths) == cell) return put(out, zigzag(hundredths - hundredths_of(before)) << 1U);
  const Cell differing = cell ^ before;
  const unsigned bytes = (static_cast<unsigned>(std::bit_width(differing)) + 7) / 8;
  *out++ = static_cast<char>(bytes << 1U | 1U);
  std::memcpy(out, &differing, sizeof differing);
  return out + bytes;
}

// `bytes` of a bitmap, 8 at most.
std::uint64_t bits_at(const char* at, std::size_t bytes) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < bytes && i < 8; ++i)
    bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  return bits;
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

void append_row(UnixNanos time, const SlotRow& row, std::span<const Slot> slots, Piece& piece, PieceEnd& end,
                std::string& scratch) {
  const std::size_t count = piece.slots;
  const std::size_t bitmap = (count + 7) / 8;
  const bool amends = piece.rows > 0 && time == piece.last_time;
  std::size_t present = 0;
  for (const std::uint64_t word : row.presence) present += static_cast<std::size_t>(std::popcount(word));

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
  if (present != count) {
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
          std::memcpy(out, text.data(), text.size());
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
          out = put(out, zigzag(static_cast<std::int64_t>(cell - before)));
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
}

void PieceReader::open(const Piece& piece, std::span<const Slot> slots, const std::vector<std::uint64_t>* wanted) {
  slots_ = slots.first(piece.slots);
  begin_ = at_ = piece.bytes.data();
  end_ = begin_ + piece.bytes.size();
  row_.begin(slots_.size(), piece.bytes);
  std::fill(row_.cells.begin(), row_.cells.end(), 0);
  whole_.assign(row_.presence.size(), ~std::uint64_t{0});
  if (slots_.size() % 64 != 0) whole_.back() >>= 64 - slots_.size() % 64;
  wanted_ = wanted != nullptr ? *wanted : whole_;
  wanted_.resize(whole_.size());
  time_ = piece.first_time;
  step_ = 0;
  first_ = true;
  damaged_ = false;
}

bool PieceReader::varint(std::uint64_t& v) {
  // Most are of one byte.
  if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
    v = static_cast<unsigned char>(*at_++);
    return true;
  }
  v = 0;
  for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at_++);
    v |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool PieceReader::next() {
  if (at_ == end_ || damaged_) return false;
  damaged_ = true;  // until the row is read
  const auto header = static_cast<unsigned char>(*at_++);
  if ((header & kAmends) != 0) return false;
  if ((header & kStep) != 0) {
    std::uint64_t step = 0;
    if (!varint(step)) return false;
    step_ = static_cast<UnixNanos>(step);
  }
  if (!first_) {
    const auto later = static_cast<UnixNanos>(static_cast<std::uint64_t>(time_) + static_cast<std::uint64_t>(step_));
    if (later <= time_) return false;
    time_ = later;
  }
  first_ = false;
  if (!values(header, false)) return false;
  while (at_ != end_ && (static_cast<unsigned char>(*at_) & kAmends) != 0) {
    const auto more = static_cast<unsigned char>(*at_++);
    if (!values(more, true)) return false;
  }
  damaged_ = false;
  return true;
}

bool PieceReader::values(unsigned header, bool amends) {
  if ((header & ~(kAmends | kSome | kStep)) != 0) return false;
  const std::size_t count = slots_.size();
  const std::size_t bitmap = (count + 7) / 8;
  const bool some = (header & kSome) != 0;
  if (static_cast<std::size_t>(end_ - at_) < bitmap * (some ? 2 : 1)) return false;
  if (!some) {
    row_.presence = whole_;
  } else {
    for (std::size_t word = 0; word * 64 < count; ++word) {
      const std::uint64_t bits = bits_at(at_ + word * 8, bitmap - word * 8);
      if ((bits & ~whole_[word]) != 0) return false;
      row_.presence[word] = amends ? row_.presence[word] | bits : bits;
    }
    at_ += bitmap;
  }
  const char* const changes = at_;
  at_ += bitmap;
  for (std::size_t word = 0; word * 64 < count; ++word) {
    std::uint64_t bits = bits_at(changes + word * 8, bitmap - word * 8);
    if ((bits & ~row_.presence[word]) != 0) return false;
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      const FieldType type = slots_[slot].type;
      if ((bits & (~bits + 1) & wanted_[word]) != 0 ? !value(type, row_.cells[slot]) : !pass_over(type)) return false;
    }
  }
  return true;
}

bool PieceReader::pass_over(FieldType type) {
  if (type == FieldType::kBoolean) return true;
  if (at_ == end_) return false;
  const bool odd = (static_cast<unsigned char>(*at_) & 1U) != 0;
  if (type == FieldType::kString || (type == FieldType::kFloat && odd)) {
    std::uint64_t code = 0;
    if (!varint(code)) return false;
    const std::uint64_t bytes = type == FieldType::kString ? code : code >> 1U;
    if (bytes > static_cast<std::uint64_t>(end_ - at_)) return false;
    at_ += bytes;
    return true;
  }
  // Where the number ends is all that matters.
  while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x80) ++at_;
  if (at_ == end_) return false;
  ++at_;
  return true;
}

bool PieceReader::value(FieldType type, Cell& cell) {
  if (type == FieldType::kBoolean) {
    cell ^= 1U;
    return true;
  }
  std::uint64_t code = 0;
  if (!varint(code)) return false;
  switch (type) {
    case FieldType::kString:
      if (code > static_cast<std::uint64_t>(end_ - at_)) return false;
      cell = metric::string_cell(static_cast<std::size_t>(at_ - begin_), code);
      at_ += code;
      return true;
    case FieldType::kFloat: {
      if ((code & 1U) == 0) {
        const std::uint64_t hundredths =
            static_cast<std::uint64_t>(hundredths_of(cell)) + static_cast<std::uint64_t>(unzigzag(code >> 1U));
        cell = cell_of_hundredths(static_cast<std::int64_t>(hundredths));
        return true;
      }
      const std::uint64_t bytes = code >> 1U;
      if (bytes > sizeof cell || bytes > static_cast<std::uint64_t>(end_ - at_)) return false;
      Cell differing = 0;
      std::memcpy(&differing, at_, bytes);
      at_ += bytes;
      cell ^= differing;
      return std::isfinite(metric::as_float(cell));
    }
    default:
      cell += static_cast<Cell>(unzigzag(code));
      return true;
  }
}

}  // namespace resmon::store
