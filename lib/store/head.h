#pragma once

// The rows of one group that are not sealed yet. Row by row in memory, since that is how they come: a row of ten fields
// costs one or two cache lines, not ten. Turned into columns when read or sealed. Not thread-safe; the store locks.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "metric/shared_list.h"
#include "metric/value.h"
#include "store/rows.h"

namespace resmon::store {

class Head {
 public:
  std::size_t size() const { return times_.size(); }
  bool empty() const { return times_.empty(); }
  const std::vector<UnixNanos>& times() const { return times_; }
  UnixNanos first_time() const { return times_.front(); }  // REQUIRES: !empty()
  UnixNanos last_time() const { return times_.back(); }    // REQUIRES: !empty()
  std::size_t memory_bytes() const;
  std::size_t text_bytes() const { return text_.size(); }

  // The place of the row with this time, made if it is not there. Valid until the next row() or slot().
  std::size_t row(UnixNanos time);
  // Asks for the memory that the next row will go to.
  void prefetch_end() const {
    __builtin_prefetch(times_.data() + times_.size(), 1);
    __builtin_prefetch(cells_.data() + cells_.size(), 1);
    __builtin_prefetch(cells_.data() + cells_.size() + stride_ - 1, 1);
  }
  // The place of a column in rows, made if it is not there.
  std::size_t slot(ColumnId id, metric::FieldType type);
  // A column's place in rows is its place here. Groups of one measurement mostly have equal lists: the store lets them
  // share one.
  struct Slot {
    ColumnId id;
    metric::FieldType type;
    bool operator==(const Slot&) const = default;
  };
  using Slots = metric::SharedList<Slot>;
  const Slots& slots() const { return slots_; }
  void share_slots(Slots equal) { slots_ = std::move(equal); }  // REQUIRES: equal == slots()
  void set(std::size_t row, std::size_t slot, metric::Cell cell) {
    metric::Cell* const base = cells_.data() + row * stride_;
    base[slot / 64] |= metric::Cell{1} << (slot % 64);
    base[words_ + slot] = cell;
  }
  void set_string(std::size_t row, std::size_t slot, std::string_view value);

  // Rows in the range as columns: those of `wanted` (ascending), or all.
  Rows copy(TimeRange range, const std::vector<ColumnId>* wanted) const;
  void clear();

 private:
  bool has(std::size_t row, std::size_t slot) const {
    return (cells_[row * stride_ + slot / 64] >> (slot % 64) & 1U) != 0;
  }
  metric::Cell cell(std::size_t row, std::size_t slot) const { return cells_[row * stride_ + words_ + slot]; }
  void widen();
  void tighten();  // REQUIRES: empty()

  std::vector<UnixNanos> times_;     // strictly ascending
  std::vector<metric::Cell> cells_;  // for each row words_ of presence, then room for values, stride_ in all
  Slots slots_;
  std::size_t next_slot_ = 0;  // where slot() looks first
  std::size_t words_ = 0;
  std::size_t stride_ = 0;
  std::string text_;
};

}  // namespace resmon::store
