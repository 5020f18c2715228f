#pragma once

// Functions from points to points, and fill() for windows without points.

#include <string>
#include <vector>

#include "influxql/function/forecast.h"
#include "influxql/function/indicator.h"
#include "influxql/function/leaf.h"

namespace resmon::influxql {

enum class Transform : std::uint8_t {
  kNone,
  kDerivative,
  kNonNegativeDerivative,
  kDifference,
  kNonNegativeDifference,
  kMovingAverage,
  kCumulativeSum,
  kElapsed,
  kIndicator,
  kForecast,
};

struct TransformSpec {
  Transform transform = Transform::kNone;
  std::string name;        // in InfluxDB's errors
  std::int64_t unit = 1;   // nanoseconds, of derivatives and elapsed
  std::int64_t count = 2;  // of the moving average
  IndicatorSpec indicator;
  ForecastSpec forecast;
};

// `points` come in the order of the answer, so with ORDER BY time DESC a difference is that to the later point.
// Only a forecast can fail: it may cost too much.
Result<std::vector<Point>> transform(const std::vector<Point>& points, const TransformSpec& spec, bool ascending,
                                     Budget& budget);

struct FillSpec {
  Fill fill = Fill::kNull;
  Cell value;                 // of Fill::kNumber, in the points' type
  bool linear_whole = false;  // integers stay integers
};

// Puts a point into every window of [start, end] that has none; `points` are in the order of the answer. Fails where
// there would be too many.
Result<std::vector<Point>> fill(std::vector<Point> points, const FillSpec& spec, const Windows& windows,
                                UnixNanos start, UnixNanos end, bool ascending, const Budget& budget);

}  // namespace resmon::influxql
