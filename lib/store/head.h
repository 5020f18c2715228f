#pragma once

// The rows of one group that are not sealed yet: a list of pieces (piece.h) in the order of their times, which do not
// overlap. Rows go into the last one, which is open. Turned into columns when read or sealed. Not thread-safe; the
// store locks.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/piece.h"
#include "store/rows.h"
#include "store/segment.h"

namespace resmon::store {

class Head {
 public:
  // A piece is full with so many rows: a query decodes no more than this beside what it asks for, and so does a row
  // that comes late. The first row of a piece costs what five others do.
  static constexpr std::uint32_t kPieceRows = 64;

  std::size_t size() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  UnixNanos first_time() const { return pieces_.front().first_time; }  // REQUIRES: !empty()
  UnixNanos last_time() const { return pieces_.back().last_time; }     // REQUIRES: !empty()
  std::size_t memory_bytes() const { return memory_bytes_; }

  // Puts in a row: values that are there already are replaced. `scratch` is memory that is kept. Returns how many bytes
  // were written.
  std::size_t add(UnixNanos time, const SlotRow& row, std::string& scratch);
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

  // Rows in the range as columns: those of `wanted` (ascending), or all.
  Rows copy(TimeRange range, const std::vector<ColumnId>* wanted) const;
  void clear();

  // How far the recent log has it (segment.h). From there on it differs from what the log says.
  HeadPlace logged() const { return logged_; }
  HeadPlace end() const;
  void set_logged() { logged_ = end(); }
  // The same for what was gathered, which goes by whole pieces: the open one is gathered again, when there is more of
  // it.
  HeadPlace gathered() const { return {gathered_, 0}; }
  void set_gathered() {
    logged_ = end();
    gathered_ = logged_.piece;
  }
  const std::vector<Piece>& pieces() const { return pieces_; }
  // Takes what a record of the log says, from its place as it is here. False, and nothing changes, where that does not
  // go on from what is there. REQUIRES: slots == record.slots
  bool restore(const HeadRecord& record, HeadPlace from, const Slots& slots);
  // Where the log does not have what is here.
  void forget_log() { logged_ = {}, gathered_ = 0; }

 private:
  std::size_t append(UnixNanos time, const SlotRow& row, std::string& scratch);
  void resume();
  std::size_t insert(UnixNanos time, const SlotRow& row, std::string& scratch);
  void rewritten(std::size_t piece);
  void count_memory();

  std::vector<Piece> pieces_;
  PieceEnd end_;  // of the last one
  Slots slots_;
  std::size_t memory_bytes_ = 0;
  std::uint32_t rows_ = 0;
  std::uint32_t next_slot_ = 0;  // where slot() looks first
  std::uint32_t amended_ = 0;    // how often the last row was changed since its piece was written anew
  HeadPlace logged_;
  std::uint32_t gathered_ = 0;  // pieces
  bool resumed_ = true;         // false: end_ is not known
};

}  // namespace resmon::store
