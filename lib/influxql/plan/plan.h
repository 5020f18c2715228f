#pragma once

// A compiled SELECT with the data's names filled in: measurements found, wildcards spelt out, types known, columns
// named.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "influxql/plan/compile.h"
#include "influxql/plan/table.h"

namespace resmon::influxql {

struct TimeSpan {
  UnixNanos first = 0;  // both inclusive
  UnixNanos last = 0;

  bool operator==(const TimeSpan&) const = default;
};

struct Plan {
  struct Source {
    std::shared_ptr<const Table> table;  // or
    std::shared_ptr<Plan> subquery;
  };
  struct Output {
    std::string name;
    std::string base;  // the name before it got a number; what an outer query knows the column by
    ExprPtr expr;      // variables have a type; kUnknown: there is no such field or tag
  };

  std::shared_ptr<Compiled> compiled;
  std::vector<Source> sources;
  std::vector<Output> outputs;
  std::vector<std::string> dimensions;  // tags of GROUP BY, sorted
  // Of a subquery that runs: which stored rows the statement around it all may read. Whatever a subquery's own
  // functions ask for, InfluxDB reads nothing beyond.
  std::optional<TimeSpan> readable;
};

struct PlanContext {
  const store::Reader* reader = nullptr;
  std::function<bool(std::string_view name)> has_database;
};

Result<std::shared_ptr<Plan>> plan(std::shared_ptr<Compiled> compiled, const PlanContext& context);

// The measurements that a source means, sorted; an error where it names another database or retention policy.
Result<std::vector<std::string>> match_measurements(const Source& source, const PlanContext& context);

// The type of the expression's values; kUnknown if it is not known.
DataType type_of(const Expr& expr);

}  // namespace resmon::influxql
