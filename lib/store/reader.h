#pragma once

// What may be asked of stored data: the interface between the embedded store and the query language.
//
// A group is a measurement and a tag set; its fields are columns on one time axis. A field has one type in a whole
// measurement (the first that was written), as in InfluxDB. All methods may be called from any thread; what they return
// is a copy or stays valid for the life of the reader. None blocks the writer for longer than it takes to copy a head.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/schema.h"
#include "metric/value.h"

namespace resmon::store {

using GroupId = std::uint32_t;
using ColumnId = std::uint32_t;  // a field of one measurement; dense from 0 in order of first sight

struct Column {
  ColumnId id = 0;
  std::string name;
  metric::FieldType type = metric::FieldType::kFloat;
};

struct Group {
  GroupId id = 0;
  std::vector<metric::Tag> tags;  // sorted by key
};

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

class Reader {
 public:
  virtual ~Reader() = default;

  virtual std::vector<std::string> measurements() const = 0;  // sorted
  // Empty where the measurement is not known. Sorted by tag set.
  virtual std::vector<std::shared_ptr<const Group>> groups(std::string_view measurement) const = 0;
  // Sorted by name. Empty where the measurement is not known.
  virtual std::vector<Column> columns(std::string_view measurement) const = 0;

  // Every row of the group in `range` that has a value in at least one of `columns`, each row once, oldest first (or
  // newest first with `descending`: then blocks come newest first, but times inside a block still ascend). Rows written
  // twice with one time are merged field by field, the later write winning.
  virtual Status scan(GroupId group, std::span<const ColumnId> columns, TimeRange range, bool descending,
                      const BlockVisitor& visit) const = 0;
};

}  // namespace resmon::store
