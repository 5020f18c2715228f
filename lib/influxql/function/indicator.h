#pragma once

// InfluxQL's indicators of technical analysis: each reads values one by one and returns a number for each.

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "influxql/parse/ast.h"

namespace resmon::influxql {

enum class Indicator : std::uint8_t {
  kExponentialAverage,
  kDoubleExponentialAverage,
  kTripleExponentialAverage,
  kRelativeStrength,
  kTripleExponentialDerivative,
  kEfficiencyRatio,
  kAdaptiveAverage,
  kMomentumOscillator,
};

// How an average begins: as one of growing period, or as the plain mean of its first period.
enum class Warmup : std::uint8_t { kExponential, kSimple, kNone };

struct IndicatorSpec {
  Indicator indicator = Indicator::kExponentialAverage;
  std::int64_t period = 1;  // values
  std::int64_t hold = -1;   // values before the first result; -1: as many as the indicator needs to warm up
  Warmup warmup = Warmup::kExponential;
};

std::optional<Indicator> indicator_named(std::string_view function);

// Whether the arguments behind the first are right; the error is InfluxDB's. REQUIRES: a call of an indicator.
Status check_indicator(const Expr& call);
// REQUIRES: check_indicator() found nothing.
IndicatorSpec indicator_spec(const Expr& call);

// Memory: at most the last `period` values.
class RunningIndicator {
 public:
  virtual ~RunningIndicator() = default;
  virtual double add(double value) = 0;
  virtual std::int64_t warm_count() const = 0;
};
std::unique_ptr<RunningIndicator> make_indicator(const IndicatorSpec& spec);

}  // namespace resmon::influxql
