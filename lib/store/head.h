#pragma once

// The rows of one group that are not sealed yet: a list of pieces (piece.h) in the order of their times, which do not
// overlap. Rows go into the last one, which is open; when it is full, it is written by columns (piece_columns.h). Not
// thread-safe; the store locks.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/head_snapshot.h"
#include "store/piece.h"
#include "store/piece_columns.h"
#include "store/rows.h"

namespace resmon::store {

class Head {
 public:
  // A piece is full with so many rows: a query decodes no more than this beside what it asks for, and so does a row
  // that comes late. The first row of a piece costs what five others do.
  static constexpr std::uint32_t kPieceRows = kMaxColumnRows;

  std::size_t size() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  UnixNanos first_time() const { return pieces_.front().first_time; }  // REQUIRES: !empty()
  UnixNanos last_time() const { return pieces_.back().last_time; }     // REQUIRES: !empty()
  std::size_t memory_bytes() const { return memory_bytes_; }

  // Memory that is kept between rows, of whatever heads.
  struct Scratch {
    std::string row;
    ColumnsScratch columns;
  };
  // Puts in a row: values that are there already are replaced.
  void add(UnixNanos time, const SlotRow& row, Scratch& scratch);
  // Asks for the memory that the next row will go to: where it is, and when that has come, it itself.
  void prefetch_end() const {
    if (pieces_.empty()) return;
    __builtin_prefetch(&pieces_.back(), 1);
    __builtin_prefetch(end_.cells.get(), 1);
  }
  void prefetch_bytes() const {
    if (!pieces_.empty()) __builtin_prefetch(pieces_.back().bytes.data() + pieces_.back().bytes.size(), 1);
  }
  // The place of a column in rows, made if it is not there.
  std::size_t slot(ColumnId id, metric::FieldType type);
  // Groups of one measurement mostly have equal lists: the store lets them share one.
  const Slots& slots() const { return slots_; }
  void share_slots(Slots equal) { slots_ = std::move(equal); }  // REQUIRES: equal == slots()

  struct NewestRow {
    UnixNanos time = 0;
    std::vector<metric::Cell> cells;   // one for each column asked for; 0 where absent
    std::vector<std::uint64_t> there;  // 1 or 0, likewise
  };
  // The row of last_time(), where it is known without decoding: it has all of its piece's columns, and of those asked
  // for at least one, none of them text.
  std::optional<NewestRow> newest(std::span<const ColumnId> columns) const;
  // Rows in the range as columns: those of `wanted` (ascending), or all.
  Rows copy(TimeRange range, const std::vector<ColumnId>* wanted) const;
  void clear();

  // From this piece on, snapshots (head_snapshot.h) do not have the head, or have less of it. The open piece is among
  // them: it is written again when there is more of it.
  std::uint32_t saved() const { return saved_; }
  void set_saved() { saved_ = empty() ? 0 : static_cast<std::uint32_t>(pieces_.size() - 1); }
  void forget_saved() { saved_ = 0; }  // the snapshots do not have what is here
  const std::vector<Piece>& pieces() const { return pieces_; }
  // Takes a snapshot's pieces in place of those from `place` on. False, and nothing changes, where they do not fit
  // behind those before. REQUIRES: slots == record.slots, place <= pieces().size()
  bool restore(const HeadRecord& record, std::uint32_t place, const Slots& slots);

 private:
  void begin_next_piece(ColumnsScratch& scratch);
  void append(UnixNanos time, const SlotRow& row, Scratch& scratch);
  void resume();
  void insert(UnixNanos time, const SlotRow& row, std::string& scratch);
  void rewritten(std::size_t piece);
  void count_memory();

  std::vector<Piece> pieces_;
  PieceEnd end_;  // of the last one
  Slots slots_;
  // There may be a million heads: narrow, in an order without gaps.
  std::size_t memory_bytes_ = 0;
  std::uint32_t rows_ = 0;
  std::uint32_t saved_ = 0;
  std::uint16_t next_slot_ = 0;  // where slot() looks first
  std::uint8_t amended_ = 0;     // how often the last row was changed since its piece was written anew
  bool resumed_ = true;          // false: end_ is not known
  bool end_is_row_ = false;      // end_ has the last row: all of the piece's slots are in it
};

}  // namespace resmon::store
