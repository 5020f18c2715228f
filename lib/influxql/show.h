#pragma once

#include "base/result.h"
#include "influxql/ast.h"
#include "influxql/limits.h"
#include "influxql/plan.h"
#include "influxql/response.h"

namespace resmon::influxql {

// SHOW …, but for DATABASES; the database has been checked.
Result<StatementResult> show(const Show& statement, const PlanContext& context, UnixNanos now, Budget& budget);

}  // namespace resmon::influxql
