#pragma once

// Some rows of one group as bytes, each as what differs from the row before it in the piece. What heads are made of and
// what snapshots keep of them (docs/storage_format.md). Pure, no I/O.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "metric/shared_list.h"
#include "metric/value.h"
#include "store/bytes.h"
#include "store/reader.h"

namespace resmon::store {

// A column's place in rows is its place in this list, which only ever grows at its end.
struct Slot {
  ColumnId id = 0;
  metric::FieldType type = metric::FieldType::kFloat;
  bool operator==(const Slot&) const = default;
};
using Slots = metric::SharedList<Slot>;
struct HashOfSlot {
  std::size_t operator()(const Slot& slot) const {
    return std::size_t{slot.id} * metric::kFieldTypeCount + static_cast<std::size_t>(slot.type);
  }
};

// The values of one row, by slot.
struct SlotRow {
  std::vector<metric::Cell> cells;      // of slots that are not there: anything
  std::vector<std::uint64_t> presence;  // bit s % 64 of word s / 64: slot s is there
  std::string_view text;                // the arena of string cells

  void begin(std::size_t slots, std::string_view arena) {
    cells.resize(slots);
    presence.assign((slots + 63) / 64, 0);
    text = arena;
  }
  void set(std::size_t slot, metric::Cell cell) {
    cells[slot] = cell;
    presence[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
};

struct Piece {
  std::string bytes;
  UnixNanos first_time = 0;
  UnixNanos last_time = 0;
  std::uint32_t rows = 0;
  std::uint32_t slots = 0;  // how many of its group's there were when it was begun
};

// What the next row of a piece is compared with.
struct PieceEnd {
  std::unique_ptr<metric::Cell[]> cells;  // each slot's last value; a string's is a place in the piece's bytes
  UnixNanos step = 0;                     // from the last row but one to the last
};

// An empty piece for rows of so many slots, and its end.
void begin_piece(std::size_t slots, Piece& piece, PieceEnd& end);

// Puts a row behind the others; one with the time of the last changes that. `scratch` is memory that is kept.
// True if the row has all of the piece's slots.
// REQUIRES: time >= piece.last_time unless it is the first; row has a value, and none beyond the piece's slots.
bool append_row(UnixNanos time, const SlotRow& row, std::span<const Slot> slots, Piece& piece, PieceEnd& end,
                std::string& scratch);

// Reads a piece's rows one by one. Safe on any bytes: it ends early where they are not a piece.
class PieceReader {
 public:
  // `wanted`: the slots whose values are asked for, bits as in SlotRow; the others' are passed over, which costs a
  // fraction. Null: all. REQUIRES: slots.size() >= piece.slots. Both must outlive the reading.
  void open(const Piece& piece, std::span<const Slot> slots, const std::vector<std::uint64_t>* wanted = nullptr);
  bool next();  // false at the end
  bool damaged() const { return damaged_; }

  UnixNanos time() const { return time_; }
  UnixNanos step() const { return step_; }
  const SlotRow& row() const { return row_; }  // strings are places in the piece's bytes
  bool has(std::size_t slot) const { return (row_.presence[slot / 64] >> (slot % 64) & 1U) != 0; }

 private:
  // Of 64 slots, by bit.
  struct Kinds {
    std::uint64_t all = 0;  // the presence of a row that has all
    std::uint64_t wanted = 0;
    std::uint64_t floats = 0;
    std::uint64_t strings = 0;
    std::uint64_t booleans = 0;
  };

  bool values(unsigned header, bool amends);
  bool value(std::size_t slot);
  bool pass_over(const Kinds& kinds, std::uint64_t slots);

  std::span<const Slot> slots_;
  const char* begin_ = nullptr;
  ByteReader bytes_;
  SlotRow row_;
  std::vector<Kinds> kinds_;
  std::vector<std::int64_t> hundredths_;  // of each float slot that is wanted, what the next is added to
  UnixNanos time_ = 0;
  UnixNanos step_ = 0;
  bool first_ = true;
  bool damaged_ = false;
};

}  // namespace resmon::store
