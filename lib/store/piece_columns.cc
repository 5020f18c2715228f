#include "store/piece_columns.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "store/piece_values.h"

namespace resmon::store {

using metric::Cell;
using metric::FieldType;

namespace {

constexpr unsigned char kByColumns = 8;  // what no row by itself begins with

// The lowest `count` bits.
std::uint64_t all_of(std::size_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

unsigned bytes_of(std::uint64_t word) {
  return (static_cast<unsigned>(std::bit_width(word)) + 7) / 8;
}

// The low bytes of a word, as many as it has.
void put_word(std::string& out, std::uint64_t word) {
  out.append(reinterpret_cast<const char*>(&word), bytes_of(word));
}

std::uint64_t get_word(ByteReader& reader, unsigned bytes) {
  std::uint64_t word = 0;
  const std::string_view from = reader.take(bytes);
  std::memcpy(&word, from.data(), from.size());
  return word;
}

std::uint64_t word_of(std::string_view bitmap, std::size_t word) {
  std::uint64_t bits = 0;
  if (word * 8 + 8 <= bitmap.size()) {
    std::memcpy(&bits, bitmap.data() + word * 8, 8);
    return bits;
  }
  for (std::size_t at = bitmap.size(); at > word * 8; --at)
    bits = bits << 8U | static_cast<unsigned char>(bitmap[at - 1]);
  return bits;
}

// Writes a piece by columns: the codes of its rows go, as they are, behind those of their columns.
class Turner {
 public:
  enum class Outcome { kDone, kAmended, kDamaged };

  Turner(const Piece& piece, std::span<const Slot> slots, ColumnsScratch& scratch)
      : piece_(piece), slots_(slots.first(piece.slots)), kept_(scratch), bytes_(piece.bytes) {
    kept_.codes.resize(slots_.size() * kRoom + kMaxVarint);
    kept_.columns.assign(slots_.size(), {});
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) kept_.columns[slot].type = slots_[slot].type;
    kept_.strings.clear();
  }

  Outcome run(std::string& out) {
    out.assign(1, static_cast<char>(kByColumns));
    for (; row_ < piece_.rows; ++row_)
      if (const Outcome outcome = row(out); outcome != Outcome::kDone) return outcome;
    put_steps(out);
    if (!bytes_.empty()) return next_amends() ? Outcome::kAmended : Outcome::kDamaged;
    put_columns(out);
    return Outcome::kDone;
  }

 private:
  using Column = ColumnsScratch::Column;
  static constexpr std::size_t kRoom = kMaxColumnRows * kMaxVarint;  // of a column's codes

  bool next_amends() const { return (static_cast<unsigned char>(bytes_.rest().front()) & kAmends) != 0; }

  Outcome row(std::string& out) {
    if (bytes_.empty()) return Outcome::kDamaged;
    if (next_amends()) return Outcome::kAmended;
    const auto header = bytes_.fixed<std::uint8_t>();
    const std::uint64_t step = (header & kStep) != 0 ? bytes_.varint() : step_;
    if (step != step_) put_steps(out);
    step_ = step;
    if (row_ > 0) ++steps_;
    const std::uint64_t bit = std::uint64_t{1} << row_;
    const std::size_t bitmap = (slots_.size() + 7) / 8;
    const std::string_view presence = (header & kSome) != 0 ? bytes_.take(bitmap) : std::string_view();
    const std::string_view changes = bytes_.take(bitmap);
    if (bytes_.bad()) return Outcome::kDamaged;
    for (std::size_t word = 0; word * 64 < slots_.size(); ++word) {
      if (!presence.empty()) {
        std::uint64_t absent = ~word_of(presence, word) & all_of(slots_.size() - word * 64);
        for (; absent != 0; absent &= absent - 1)
          kept_.columns[word * 64 + static_cast<std::size_t>(std::countr_zero(absent))].absent |= bit;
      }
      std::uint64_t changed = word_of(changes, word) & all_of(slots_.size() - word * 64);
      for (; changed != 0; changed &= changed - 1) {
        const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(changed));
        kept_.columns[slot].changes |= bit;
        if (!value(slot)) return Outcome::kDamaged;
      }
    }
    return Outcome::kDone;
  }

  bool value(std::size_t slot) {
    Column& column = kept_.columns[slot];
    if (column.type == FieldType::kBoolean) return true;
    const char* const begin = bytes_.rest().data();
    if (column.type == FieldType::kString) {
      bytes_.take(bytes_.varint());
      const auto size = static_cast<std::size_t>(bytes_.rest().data() - begin);
      kept_.strings.push_back({slot, {begin, size}});
      column.bytes += size;
      return !bytes_.bad();
    }
    char* const to = kept_.codes.data() + slot * kRoom + column.bytes;
    if (bytes_.left() >= kMaxVarint) {
      std::memcpy(to, begin, kMaxVarint);
    } else {
      std::memset(to, 0, kMaxVarint);
      std::memcpy(to, begin, bytes_.left());
    }
    const std::size_t size = code_bytes(column.type == FieldType::kFloat, to);
    column.bytes += size;
    return size <= kMaxVarint && bytes_.pass(size);
  }

  // How much later a row is than the one before, and how many rows that holds for.
  void put_steps(std::string& out) {
    if (steps_ == 0) return;
    put_varint(out, step_);
    put_varint(out, steps_);
    steps_ = 0;
  }

  void put_columns(std::string& out) {
    const std::uint64_t all = all_of(piece_.rows);
    std::size_t bytes = 0;
    for (const Column& column : kept_.columns) {
      const std::size_t size =
          column.absent == all ? 0 : 1 + bytes_of(column.changes) + bytes_of(column.absent) + column.bytes;
      put_varint(out, size);
      bytes += size;
    }
    out.reserve(out.size() + bytes);
    std::stable_sort(kept_.strings.begin(), kept_.strings.end(),
                     [](const auto& a, const auto& b) { return a.slot < b.slot; });
    auto string = kept_.strings.begin();
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      const Column& column = kept_.columns[slot];
      if (column.absent == all) continue;
      out.push_back(static_cast<char>(bytes_of(column.changes) | bytes_of(column.absent) << 4U));
      put_word(out, column.changes);
      put_word(out, column.absent);
      if (slots_[slot].type == FieldType::kString)
        for (; string != kept_.strings.end() && string->slot == slot; ++string) out.append(string->code);
      else
        out.append(kept_.codes.data() + slot * kRoom, column.bytes);
    }
  }

  const Piece& piece_;
  const std::span<const Slot> slots_;
  ColumnsScratch& kept_;
  ByteReader bytes_;
  std::uint32_t row_ = 0;
  std::uint64_t step_ = 0;
  std::uint64_t steps_ = 0;  // rows that come so much later, and are not written yet
};

// With each row's changes in it.
Piece without_amendments(const Piece& piece, std::span<const Slot> slots, std::string& scratch) {
  Piece out;
  PieceEnd end;
  begin_piece(piece.slots, out, end);
  PieceReader reader;
  reader.open(piece, slots);
  while (reader.next()) append_row(reader.time(), reader.row(), slots, out, end, scratch);
  return out;
}

}  // namespace

bool is_by_columns(const Piece& piece) {
  return !piece.bytes.empty() && static_cast<unsigned char>(piece.bytes.front()) == kByColumns;
}

void turn_to_columns(Piece& piece, std::span<const Slot> slots, ColumnsScratch& scratch) {
  if (piece.rows == 0 || piece.rows > kMaxColumnRows || is_by_columns(piece)) return;
  std::string bytes;
  auto outcome = Turner(piece, slots, scratch).run(bytes);
  if (outcome == Turner::Outcome::kAmended) {
    const Piece whole = without_amendments(piece, slots, scratch.row);
    if (whole.rows == piece.rows) outcome = Turner(whole, slots, scratch).run(bytes);
  }
  if (outcome == Turner::Outcome::kDone) piece.bytes = std::move(bytes);
}

bool PieceColumns::open(const Piece& piece, std::span<const Slot> slots) {
  rows_ = 0;
  if (!is_by_columns(piece) || piece.rows == 0 || piece.rows > kMaxColumnRows) return false;
  bytes_ = piece.bytes;
  slots_ = slots.first(piece.slots);
  ByteReader reader(bytes_.substr(1));
  rows_ = piece.rows;
  begins_.resize(slots_.size() + 1);
  if (!read_times(reader, piece.first_time)) return rows_ = 0, false;
  std::size_t end = 0;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    begins_[slot] = end;
    end += std::min<std::uint64_t>(reader.varint(), bytes_.size());
  }
  begins_.back() = end;
  if (reader.bad() || end != reader.left()) return rows_ = 0, false;
  const std::size_t before = bytes_.size() - end;
  for (std::size_t& begin : begins_) begin += before;
  return true;
}

bool PieceColumns::read_times(ByteReader& reader, UnixNanos first) {
  times_[0] = first;
  for (std::size_t row = 1; row < rows_;) {
    const std::uint64_t step = reader.varint();
    const std::uint64_t count = reader.varint();
    if (reader.bad() || step == 0 || count == 0 || count > rows_ - row) return false;
    // In 64 bits without a sign, as any two times differ by.
    const auto last = static_cast<std::uint64_t>(times_[row - 1]);
    if (step > (static_cast<std::uint64_t>(INT64_MAX) - last) / count) return false;
    for (std::uint64_t i = 1; i <= count; ++i) times_[row++] = static_cast<UnixNanos>(last + i * step);
  }
  return true;
}

namespace {

// Each row's cell is the last that was said.
template <class Next>
bool spread(std::uint64_t changes, std::size_t rows, PieceColumns::Cells& cells, Next next) {
  Cell cell = 0;
  for (std::size_t row = 0; row < rows; ++row, changes >>= 1U) {
    if ((changes & 1U) != 0 && !next(cell)) return false;
    cells[row] = cell;
  }
  return true;
}

}  // namespace

bool PieceColumns::read(std::size_t slot, Cells& cells, std::uint64_t& presence) const {
  presence = 0;
  if (begins_[slot] == begins_[slot + 1]) return true;
  ByteReader reader(bytes_.substr(begins_[slot], begins_[slot + 1] - begins_[slot]));
  const auto header = reader.fixed<std::uint8_t>();
  if ((header & 15U) > 8 || header >> 4U > 8) return false;
  const std::uint64_t changes = get_word(reader, header & 15U);
  const std::uint64_t absent = get_word(reader, header >> 4U);
  const std::uint64_t all = all_of(rows_);
  if (reader.bad() || ((changes | absent) & ~all) != 0 || (changes & absent) != 0 || absent == all) return false;
  bool good = false;
  switch (slots_[slot].type) {
    case FieldType::kBoolean:
      good = spread(changes, rows_, cells, [](Cell& cell) { return cell ^= 1U, true; });
      break;
    case FieldType::kString:
      good = spread(changes, rows_, cells, [&](Cell& cell) { return get_string(reader, bytes_.data(), cell); });
      break;
    case FieldType::kFloat: {
      std::int64_t hundredths = 0;
      good = spread(changes, rows_, cells, [&](Cell& cell) { return get_float(reader, cell, hundredths); });
      break;
    }
    default:
      good = spread(changes, rows_, cells, [&](Cell& cell) { return get_integer(reader, cell), true; });
  }
  if (!good || reader.bad() || !reader.empty()) return false;
  presence = all & ~absent;
  return true;
}

void PieceRows::open(const Piece& piece, std::span<const Slot> slots) {
  by_columns_ = is_by_columns(piece);
  damaged_ = false;
  if (!by_columns_) return rows_.open(piece, slots);
  next_ = 0;
  damaged_ = !columns_.open(piece, slots);
  if (damaged_) return;
  cells_.resize(piece.slots);
  presence_.resize(piece.slots);
  for (std::size_t slot = 0; slot < piece.slots; ++slot)
    if (!columns_.read(slot, cells_[slot], presence_[slot])) damaged_ = true;
  row_.begin(piece.slots, piece.bytes);
}

bool PieceRows::next() {
  if (!by_columns_) {
    const bool there = rows_.next();
    time_ = rows_.time();
    damaged_ = rows_.damaged();
    return there;
  }
  if (next_ >= columns_.times().size()) return false;
  row_.begin(cells_.size(), row_.text);
  for (std::size_t slot = 0; slot < cells_.size(); ++slot)
    if ((presence_[slot] >> next_ & 1U) != 0) row_.set(slot, cells_[slot][next_]);
  time_ = columns_.times()[next_++];
  return true;
}

}  // namespace resmon::store
