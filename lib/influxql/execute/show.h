#pragma once

#include <string>

#include "base/result.h"
#include "influxql/limits.h"
#include "influxql/parse/ast.h"
#include "influxql/plan/plan.h"
#include "influxql/response.h"

namespace resmon::influxql {

// SHOW …, but for DATABASES; the database has been checked.
Result<StatementResult> show(const Show& statement, const PlanContext& context, UnixNanos now, Budget& budget);

// SHOW … CARDINALITY, which show() calls: a SELECT of counts, by name and GROUP BY.
Result<StatementResult> show_cardinality(const Show& statement, const PlanContext& context, UnixNanos now,
                                         Budget& budget);
bool is_cardinality(Show::What what);
// Of SERIES and MEASUREMENT without EXACT and anything else: one number for the database, 0 where there is none.
// InfluxDB estimates it; here it is exact.
bool is_estimate(const Show& statement);
StatementResult estimate(std::uint64_t count);

// Whether WITH KEY names the key.
bool wants_key(const Show& statement, const std::string& key);

}  // namespace resmon::influxql
