#pragma once

// A piece that no row is put behind any more, by columns instead of by rows: a query that wants one of twenty values
// reads a twentieth of it, and 64 rows' marks of a column are one word. Same values, same codes (piece_values.h), about
// the same size; docs/storage_format.md has the layout. Pure, no I/O, safe on any bytes.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/piece.h"

namespace resmon::store {

// A column's marks of rows are one word.
inline constexpr std::uint32_t kMaxColumnRows = 64;

bool is_by_columns(const Piece& piece);

// Memory that is kept between pieces.
struct ColumnsScratch {
  struct Column {
    std::uint64_t changes = 0;  // rows with another value than the one before
    std::uint64_t absent = 0;   // rows without a value
    std::size_t bytes = 0;      // of codes
    metric::FieldType type = metric::FieldType::kFloat;
  };
  struct StringCode {
    std::size_t slot = 0;
    std::string_view code;
  };
  std::vector<Column> columns;  // by slot
  std::vector<char> codes;      // by slot, but for strings
  std::vector<StringCode> strings;
  std::string row;
};

// Writes a piece by columns. It stays by rows where it has none or more than kMaxColumnRows of them, or is damaged.
void turn_to_columns(Piece& piece, std::span<const Slot> slots, ColumnsScratch& scratch);

// The columns of such a piece.
class PieceColumns {
 public:
  using Cells = std::array<metric::Cell, kMaxColumnRows>;

  // False: it is no piece by columns. REQUIRES: slots.size() >= piece.slots. The piece must outlive the reading.
  bool open(const Piece& piece, std::span<const Slot> slots);

  std::span<const UnixNanos> times() const { return {times_.data(), rows_}; }  // strictly ascending
  // A slot's cells by row, and the rows that have one; what the others' cells are is not said. Strings are places in
  // the piece's bytes. False, and no presence: the column is damaged.
  bool read(std::size_t slot, Cells& cells, std::uint64_t& presence) const;

 private:
  bool read_times(ByteReader& reader, UnixNanos first);

  std::string_view bytes_;
  std::span<const Slot> slots_;
  std::array<UnixNanos, kMaxColumnRows> times_{};
  std::size_t rows_ = 0;
  std::vector<std::size_t> begins_;  // of each slot's column in bytes_, and the end of the last
};

// The rows of a piece of either kind, one by one, all their values.
class PieceRows {
 public:
  // REQUIRES: slots.size() >= piece.slots. Both must outlive the reading.
  void open(const Piece& piece, std::span<const Slot> slots);
  bool next();  // false at the end
  bool damaged() const { return damaged_; }

  UnixNanos time() const { return time_; }
  const SlotRow& row() const { return by_columns_ ? row_ : rows_.row(); }  // strings are places in the piece's bytes
  bool has(std::size_t slot) const { return (row().presence[slot / 64] >> (slot % 64) & 1U) != 0; }

 private:
  bool by_columns_ = false;
  bool damaged_ = false;
  UnixNanos time_ = 0;
  PieceReader rows_;
  // By columns.
  PieceColumns columns_;
  std::vector<PieceColumns::Cells> cells_;  // by slot
  std::vector<std::uint64_t> presence_;     // by slot
  std::size_t next_ = 0;
  SlotRow row_;
};

}  // namespace resmon::store
