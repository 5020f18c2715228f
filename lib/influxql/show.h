#pragma once

#include "base/result.h"
#include "influxql/ast.h"
#include "influxql/plan.h"
#include "influxql/response.h"

namespace resmon::influxql {

// SHOW …; the database has been checked.
Result<StatementResult> show(const Show& statement, const PlanContext& context, UnixNanos now);

}  // namespace resmon::influxql
