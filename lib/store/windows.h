#pragma once

// Rows to windows: what the tiers are made of, and what answers where there is no tier. Pure, no I/O.
//
// Windows travel as Rows, like samples: a time is a window's start, and the aggregates of column c are columns of their
// own with the ids window_column(c, …), so that chunks and merging need to know nothing of them.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metric/number.h"
#include "store/reader.h"
#include "store/rows.h"

namespace resmon::store {

constexpr ColumnId window_column(ColumnId column, Aggregate aggregate) {
  return column * 8 + static_cast<ColumnId>(aggregate);
}
// Whether windows of a column of that type have the aggregate; and of which type it then is.
constexpr bool has_aggregate(metric::FieldType type, Aggregate aggregate) {
  return metric::is_number(type) || aggregate == Aggregate::kCount || aggregate == Aggregate::kLast;
}
constexpr metric::FieldType aggregate_type(metric::FieldType type, Aggregate aggregate) {
  return aggregate == Aggregate::kCount ? metric::FieldType::kUnsigned : type;
}

// The start of the window that holds `time`; held at the lowest time.
UnixNanos window_start(UnixNanos time, UnixNanos width);

// Folds rows, fed in order of time, into windows.
class WindowFolder {
 public:
  WindowFolder(std::span<const WindowColumn> columns, unsigned aggregates, UnixNanos width);

  // Times must ascend from call to call; columns[i] of the block is the i-th of the constructor's.
  void add(const Block& block);
  std::size_t closed_windows() const { return starts_.size(); }
  // The windows fed so far and not taken yet: all, or, with `keep_open`, all but the newest, which may get more rows.
  Rows take(bool keep_open = false);

 private:
  struct Folded {
    WindowColumn column;
    // The open window's.
    std::uint64_t count = 0;
    metric::Cell min = 0, max = 0, last = 0;
    std::uint64_t whole = 0;  // sum of integers, modulo 2^64
    double plain = 0;         // sum of floats, in order
    std::int64_t scaled = 0;  // the same times 10^decimals
    unsigned decimals = 0;
    bool exact = true;  // `scaled` holds
    std::string text;   // of a last string
    // Closed windows: the last `cells.size()` of all have been filled in.
    std::array<std::vector<metric::Cell>, kAggregateCount> cells;
    std::vector<std::uint64_t> presence;
    std::string arena;
  };
  template <class T>
  void fold(Folded& folded, const Block::ColumnData& data, std::size_t from, std::size_t to) const;
  bool wants(Aggregate aggregate) const { return (aggregates_ & aggregate_bit(aggregate)) != 0; }
  static metric::Cell sum_of(const Folded& folded);
  void close_window();

  const unsigned aggregates_;
  const UnixNanos width_;
  std::vector<Folded> folded_;
  bool open_ = false;  // start_ is of a window that has rows
  UnixNanos start_ = 0;
  std::vector<UnixNanos> starts_;  // of closed windows
};

// Shows `windows` in the shape that `request` asks for. Windows without a value in its columns are left out.
Status show_windows(const Rows& windows, const WindowRequest& request, const WindowVisitor& visit);

// The ids, ascending, of the window columns that `request` wants.
std::vector<ColumnId> wanted_window_columns(const WindowRequest& request);

}  // namespace resmon::store
