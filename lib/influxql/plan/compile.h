#pragma once

// Checks a SELECT without the data: combinations of functions, GROUP BY, the time range.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "influxql/parse/ast.h"
#include "influxql/parse/zone.h"

namespace resmon::influxql {

struct CompileContext {
  UnixNanos now = 0;
  const ZoneLoader* load_zone = nullptr;
};

struct Compiled {
  Select select;  // without `time` among the fields, with folded expressions and dimensions
  std::string time_name = "time";
  ExprPtr condition;       // without bounds of time; may be null
  UnixNanos min_time = 0;  // both inclusive; kMinTime and kMaxTime where open
  UnixNanos max_time = 0;
  UnixNanos own_min_time = 0;  // the same without what the query around this one demands
  UnixNanos own_max_time = 0;
  std::int64_t interval = 0;  // of GROUP BY time, nanoseconds; 0: none
  std::int64_t interval_offset = 0;
  bool ascending = true;
  Fill fill = Fill::kNull;
  bool raw = true;  // no function but mathematical ones
  std::shared_ptr<const Zone> zone;
  std::vector<std::shared_ptr<Compiled>> subqueries;  // one for each source; null where it is a measurement
};

// The error is what InfluxDB answers to the statement.
Result<std::shared_ptr<Compiled>> compile(const Select& select, const CompileContext& context);

// Functions whose result is one of the values they read, with its own time.
bool is_selector(std::string_view function);

}  // namespace resmon::influxql
