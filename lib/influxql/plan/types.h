#pragma once

// Type checks for the operands of a select list.

#include "base/result.h"
#include "influxql/parse/ast.h"

namespace resmon::influxql {

// What InfluxDB takes the expression for, or its error ("type error: s::string + 1: incompatible types: string and
// integer"). REQUIRES: variables have the types of their fields; kUnknown where there is none, which goes with
// everything. Not what the values are in the end: InfluxDB's division of integers gives a float, and is called an
// integer.
Result<DataType> check_types(const Expr& expr);

}  // namespace resmon::influxql
