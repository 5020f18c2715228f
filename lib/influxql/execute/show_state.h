#pragma once

#include "influxql/backend.h"
#include "influxql/parse/ast.h"
#include "influxql/response.h"

namespace resmon::influxql {

// SHOW of what is not data, with InfluxDB's columns: users, running queries, and lists that are empty because there is
// no such thing here. `databases` are the names that the data is known by.
Result<StatementResult> show_state(const Show& statement, const Backend& backend,
                                   const std::vector<std::string>& databases);

// Whether the statement is one of those.
bool is_state(Show::What what);

}  // namespace resmon::influxql
