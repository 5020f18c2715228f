#pragma once

// The answer of a query, before it is serialized as JSON or CSV (serialize.h).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::influxql {

class Zone;
class MemoryClaim;

struct Time {
  UnixNanos nanos = 0;
  auto operator<=>(const Time&) const = default;
};

// One cell of a result or one value of an expression; monostate is null.
using Cell = std::variant<std::monostate, double, std::int64_t, std::uint64_t, bool, std::string, Time>;
inline bool is_null(const Cell& cell) {
  return cell.index() == 0;
}

struct Series {
  std::string name;                                       // may be empty
  std::vector<std::pair<std::string, std::string>> tags;  // sorted by key; those of GROUP BY
  std::vector<std::string> columns;
  std::vector<Cell> cells;       // row after row, width() each
  std::vector<UnixNanos> times;  // of the rows, which are the first column then; empty: the rows have no times

  std::size_t width() const { return columns.size() - (times.empty() ? 0 : 1); }
  std::size_t rows() const { return !times.empty() ? times.size() : columns.empty() ? 0 : cells.size() / width(); }
  std::span<const Cell> row(std::size_t i) const { return {cells.data() + i * width(), width()}; }
};

struct StatementResult {
  std::vector<Series> series;
  std::string error;  // not empty: the statement failed; `series` is then empty
  ErrorKind error_kind = ErrorKind::kInvalid;
  std::string warning;               // what the answer lacks; empty: nothing
  bool executed = true;              // false: a statement before it failed
  std::shared_ptr<const Zone> zone;  // set by tz(): times without `epoch` are written in it
};

struct Response {
  std::string error;  // not empty: the text was refused as a whole (HTTP 400) and there are no results
  std::vector<StatementResult> results;
  std::shared_ptr<const MemoryClaim> memory;  // what the results hold of QueryLimits::memory; may be null
};

}  // namespace resmon::influxql
