#pragma once

// holt_winters(): continues a series by its level, its damped trend, and its season.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "influxql/function/leaf.h"

namespace resmon::influxql {

struct ForecastSpec {
  std::int64_t horizon = 1;   // windows to go on for
  std::int64_t season = 0;    // windows in one; 0 or 1: none
  std::int64_t interval = 1;  // of the windows, nanoseconds
  bool with_fit = false;      // also what it gives for the windows that are there
};

// Whether the arguments behind the first are right; the error is InfluxDB's. REQUIRES: a call of holt_winters or
// holt_winters_with_fit.
Status check_forecast(const Expr& call);
ForecastSpec forecast_spec(const Expr& call, std::int64_t interval);

// `points` in ascending order; others have no forecast, as in InfluxDB. Fails where there would be too many windows or
// parameters, or when the query's time is over.
Result<std::vector<Point>> forecast(const std::vector<Point>& points, const ForecastSpec& spec, Budget& budget);

}  // namespace resmon::influxql
