#pragma once

// What may be asked of stored data: the interface between the embedded store and the query language.
//
// A group is a measurement and a tag set; its fields are columns on one time axis. A field has one type in a whole
// measurement (the first that was written), as in InfluxDB. All methods may be called from any thread; what they return
// is a copy or stays valid for the life of the reader. None blocks the writer for longer than it takes to copy a head.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/value.h"
#include "store/listing.h"

namespace resmon::store {

// Half open: first <= time < last.
struct TimeRange {
  UnixNanos first = INT64_MIN;
  UnixNanos last = INT64_MAX;
};

// Some rows of one group, times strictly ascending. columns[i] is the i-th column asked for.
struct Block {
  struct ColumnData {
    std::span<const metric::Cell> cells;      // one for each time; 0 where absent
    std::span<const std::uint64_t> presence;  // bit r % 64 of word r / 64: row r has a value
    std::string_view text;                    // the arena of string cells
    bool has(std::size_t row) const { return (presence[row / 64] >> (row % 64) & 1U) != 0; }
  };
  std::span<const UnixNanos> times;
  std::span<const ColumnData> columns;
};

// Called with consecutive blocks. Returning an error stops the scan, which returns that error: so a query's deadline,
// its memory bound and a client that went away end it.
using BlockVisitor = std::function<Status(const Block&)>;

// What is known of a window of time: the least, the greatest, the sum, the number and the last of a column's values.
// Numbers have all five, boolean and string columns only kCount and kLast.
enum class Aggregate : std::uint8_t { kMin = 0, kMax = 1, kSum = 2, kCount = 3, kLast = 4 };
inline constexpr std::size_t kAggregateCount = 5;
constexpr unsigned aggregate_bit(Aggregate aggregate) {
  return 1U << static_cast<unsigned>(aggregate);
}

// The widths that the store keeps windows of, aligned to the epoch.
inline constexpr UnixNanos kMinuteWidth = 60'000'000'000;
inline constexpr UnixNanos kHourWidth = 60 * kMinuteWidth;

struct WindowColumn {
  ColumnId id = 0;
  metric::FieldType type = metric::FieldType::kFloat;  // the column's own
};

struct WindowRequest {
  GroupId group = 0;
  std::span<const WindowColumn> columns;
  unsigned aggregates = 0;         // aggregate_bit()s of what is wanted: what is not is not decoded
  TimeRange range;                 // REQUIRES: both ends are multiples of width
  UnixNanos width = kMinuteWidth;  // kMinuteWidth or kHourWidth
};

// Some windows of one group, starts strictly ascending. columns[i] is the i-th column asked for.
struct WindowBlock {
  struct ColumnData {
    // By Aggregate; one cell for each window. Empty where it was not asked for, or the type does not have it. kMin,
    // kMax and kLast are of the column's type; kSum is a float, integer or unsigned as the column is, and wraps as
    // InfluxDB's does; kCount is an unsigned.
    std::array<std::span<const metric::Cell>, kAggregateCount> cells;
    std::span<const std::uint64_t> presence;  // windows in which the column has a value, bits as in Block
    std::string_view text;                    // the arena of string cells
    bool has(std::size_t window) const { return (presence[window / 64] >> (window % 64) & 1U) != 0; }
    std::span<const metric::Cell> of(Aggregate aggregate) const { return cells[static_cast<std::size_t>(aggregate)]; }
  };
  std::span<const UnixNanos> starts;
  std::span<const ColumnData> columns;
};

// As BlockVisitor.
using WindowVisitor = std::function<Status(const WindowBlock&)>;

class Reader {
 public:
  virtual ~Reader() = default;

  virtual std::vector<std::string> measurements() const = 0;  // sorted
  // Never null; empty where the measurement is not known.
  virtual std::shared_ptr<const Listing> listing(std::string_view measurement) const = 0;
  std::vector<const Group*> groups(std::string_view measurement) const { return listing(measurement)->groups(); }
  // Sorted by name. Empty where the measurement is not known.
  virtual std::vector<Column> columns(std::string_view measurement) const = 0;
  // Why a row of this series with these fields would be refused for want of room; empty where it would not be.
  virtual std::string no_room_for(std::string_view, const metric::SharedList<metric::Tag>&,
                                  const metric::SharedList<metric::Field>&) const {
    return {};
  }

  // These groups are about to be scanned, in about this order and alike: a reader that has to ask for rows over a
  // network then asks for several at once.
  virtual void expect(std::span<const GroupId>) const {}

  // Every row of the group in `range` that has a value in at least one of `columns`, each row once, oldest first (or
  // newest first with `descending`: then blocks come newest first, but times inside a block still ascend). Rows written
  // twice with one time are merged field by field, the later write winning.
  virtual Status scan(GroupId group, std::span<const ColumnId> columns, TimeRange range, bool descending,
                      const BlockVisitor& visit) const = 0;

  // Every window [start, start + width) in `range` for which at least one of `columns` has one of `aggregates`, each
  // once, oldest first. It says what the rows that scan() gives for the same window say:
  //
  //   - kMin, kMax, kCount, kLast and sums of integers are equal, bit by bit. Of equal floats (0 and -0) the first
  //     counts, and kLast is the value of the newest row that has the column.
  //   - A sum of floats is rounded once where all of them are decimal fractions of at most six places, and it is below
  //     2^53 units of the last. So it may differ in the last places from adding row by row, and is the better of the
  //     two. Other floats are added in order of time.
  //
  // Late rows and overwritten ones are in it as soon as scan() shows them. Only where rows are past their retention and
  // the window is not, this says what they said when they were there, and scan() says nothing.
  // Rows between windows kept (the newest hours, windows that late rows fell into, damaged ones) are read as scan()
  // reads them: always right, at the price of scan(). Windows at the edges of a query that are not whole are scan()'s.
  virtual Status scan_windows(const WindowRequest& request, const WindowVisitor& visit) const;
};

}  // namespace resmon::store
