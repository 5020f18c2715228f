#pragma once

#include <vector>

#include "base/result.h"
#include "influxql/limits.h"
#include "influxql/plan/plan.h"

namespace resmon::influxql {

// Runs a plan. The answer's series are in InfluxDB's order; rows have plan.outputs.size() cells.
Result<std::vector<Rows>> run(const Plan& plan, Budget& budget);

}  // namespace resmon::influxql
