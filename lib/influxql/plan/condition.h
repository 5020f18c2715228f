#pragma once

#include <optional>

#include "base/result.h"
#include "influxql/function/evaluate.h"
#include "influxql/parse/ast.h"

namespace resmon::influxql {

// A WHERE clause taken apart: its bounds of time, and the rest.
struct Condition {
  ExprPtr rest;                  // null: none
  std::optional<UnixNanos> min;  // inclusive, both
  std::optional<UnixNanos> max;
};

// `expr` may be null. Bounds from both sides of an OR narrow each other too: InfluxDB knows no union of time ranges.
Result<Condition> split_condition(const ExprPtr& expr, const FoldContext& context);

}  // namespace resmon::influxql
