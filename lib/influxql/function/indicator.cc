#include "influxql/function/indicator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <string>

// The formulas are the field's (Wilder 1978 for the relative strength index, Hutson 1983 for TRIX, Chande 1994 for the
// momentum oscillator, Kaufman 1995 for the efficiency ratio and its average, Mulloy 1994 for DEMA and TEMA). What they
// give before they have seen a whole period, and where they divide by zero, is as InfluxDB has it.

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

struct NamedIndicator {
  std::string_view name;
  Indicator indicator;
};
constexpr auto kIndicators = std::to_array<NamedIndicator>({
    {"exponential_moving_average", Indicator::kExponentialAverage},
    {"double_exponential_moving_average", Indicator::kDoubleExponentialAverage},
    {"triple_exponential_moving_average", Indicator::kTripleExponentialAverage},
    {"relative_strength_index", Indicator::kRelativeStrength},
    {"triple_exponential_derivative", Indicator::kTripleExponentialDerivative},
    {"kaufmans_efficiency_ratio", Indicator::kEfficiencyRatio},
    {"kaufmans_adaptive_moving_average", Indicator::kAdaptiveAverage},
    {"chande_momentum_oscillator", Indicator::kMomentumOscillator},
});

bool is_kaufmans(Indicator indicator) {
  return indicator == Indicator::kEfficiencyRatio || indicator == Indicator::kAdaptiveAverage;
}

Status check_warmup(const Expr& call, const Expr& warmup, Indicator indicator) {
  if (!warmup.is(Kind::kString)) return refuse(call.name + " warmup type must be a string");
  const bool oscillator = indicator == Indicator::kMomentumOscillator;
  if (warmup.name == "exponential" || warmup.name == "simple" || (oscillator && warmup.name == "none")) return {};
  return refuse(call.name + " warmup type must be one of: " + (oscillator ? "'none' " : "") + "'exponential' 'simple'");
}

// An exponential moving average. Until it is warm, each value counts as if the period were as long as the values so
// far.
class Average {
 public:
  Average(std::int64_t period, Warmup warmup, double alpha) : period_(period), warmup_(warmup), alpha_(alpha) {}
  Average(std::int64_t period, Warmup warmup) : Average(period, warmup, 2 / (static_cast<double>(period) + 1)) {}

  double add(double value) {
    const auto count = static_cast<double>(count_);
    if (count_ == 0)
      last_ = value;
    else if (warm())
      last_ = (value - last_) * alpha_ + last_;
    else if (warmup_ == Warmup::kSimple)
      last_ = (last_ * count + value) / (count + 1);
    else
      last_ = (value - last_) * (2 / (count + 2)) + last_;
    if (count_ < period_) ++count_;
    return last_;
  }
  double last() const { return last_; }
  bool warm() const { return count_ == period_; }
  // Whether an average of this average may begin.
  bool feeds() const { return warm() || warmup_ == Warmup::kExponential; }

 private:
  std::int64_t period_;
  Warmup warmup_;
  double alpha_;
  double last_ = 0;
  std::int64_t count_ = 0;
};

// An average of the average, and so on: what lags less, or shows how it changes.
class Averages final : public RunningIndicator {
 public:
  explicit Averages(const IndicatorSpec& spec)
      : spec_(spec),
        levels_{Average(spec.period, spec.warmup), Average(spec.period, spec.warmup),
                Average(spec.period, spec.warmup)} {}

  double add(double value) override {
    // A level that may not begin yet gives on what it gets.
    const double first = levels_[0].add(value);
    if (spec_.indicator == Indicator::kExponentialAverage) return first;
    const double second = levels_[0].feeds() ? levels_[1].add(first) : first;
    if (spec_.indicator == Indicator::kDoubleExponentialAverage) return 2 * first - second;
    const bool begun = levels_[0].feeds() || spec_.indicator == Indicator::kTripleExponentialAverage;
    const double third = begun && levels_[1].feeds() ? levels_[2].add(second) : second;
    if (spec_.indicator == Indicator::kTripleExponentialAverage) return 3 * first - 3 * second + third;
    const double rate = (third / before_ - 1) * 100;
    before_ = third;
    return rate;
  }

  std::int64_t warm_count() const override {
    const std::int64_t each = spec_.period - 1;
    const bool exponential = spec_.warmup == Warmup::kExponential;
    switch (spec_.indicator) {
      case Indicator::kExponentialAverage:
        return each;
      case Indicator::kDoubleExponentialAverage:
        return exponential ? each : each * 2;
      case Indicator::kTripleExponentialAverage:
        return exponential ? each : each * 3;
      default:
        return (exponential ? each : each * 3) + 1;
    }
  }

 private:
  const IndicatorSpec spec_;
  std::array<Average, 3> levels_;
  double before_ = 0;
};

// Rises and falls, each smoothed: their ratio, or their difference in relation to their sum.
class SmoothedMoves final : public RunningIndicator {
 public:
  explicit SmoothedMoves(const IndicatorSpec& spec)
      : spec_(spec),
        up_(spec.period + 1, spec.warmup, 1 / static_cast<double>(spec.period)),
        down_(spec.period + 1, spec.warmup, 1 / static_cast<double>(spec.period)) {}

  double add(double value) override {
    up_.add(value > before_ ? value - before_ : 0);
    down_.add(value < before_ ? before_ - value : 0);
    before_ = value;
    const double up = up_.last();
    const double down = down_.last();
    if (spec_.indicator == Indicator::kRelativeStrength) return 100 - (100 / (1 + up / down));
    return 100 * ((up - down) / (up + down));
  }
  std::int64_t warm_count() const override { return spec_.period; }

 private:
  const IndicatorSpec spec_;
  Average up_, down_;
  double before_ = 0;
};

struct Move {
  double value = 0;
  double change = 0;  // from the value before
};

// The last few values; what is before the first is 0.
class Recent {
 public:
  explicit Recent(std::int64_t size) : size_(size) {}
  Move oldest() const { return full() ? moves_.front() : Move{}; }
  Move newest() const { return moves_.empty() ? Move{} : moves_.back(); }
  void push(const Move& move) {
    if (full()) moves_.pop_front();
    moves_.push_back(move);
  }

 private:
  bool full() const { return static_cast<std::int64_t>(moves_.size()) == size_; }

  std::int64_t size_;
  std::deque<Move> moves_;
};

// How straight the way was: the distance between its ends in relation to its length. The average follows as fast as
// the way is straight.
class Kaufmans final : public RunningIndicator {
 public:
  explicit Kaufmans(const IndicatorSpec& spec) : spec_(spec), recent_(spec.period) {}

  double add(double value) override {
    const double before = recent_.newest().value;
    if (count_ <= spec_.period) average_ = before;
    const double ratio = efficiency(value);
    if (spec_.indicator == Indicator::kEfficiencyRatio) return ratio;
    constexpr double kFast = 2.0 / 3, kSlow = 2.0 / 31;
    const double smoothing = ratio * (kFast - kSlow) + kSlow;
    average_ = average_ + smoothing * smoothing * (value - average_);
    return average_;
  }
  std::int64_t warm_count() const override { return spec_.period; }

 private:
  double efficiency(double value) {
    const Move oldest = recent_.oldest();
    const double signal = std::fabs(value - oldest.value);
    const Move move{value, std::fabs(value - recent_.newest().value)};
    noise_ -= oldest.change;
    noise_ += move.change;
    recent_.push(move);
    if (count_ <= spec_.period) ++count_;
    return signal == 0 || noise_ == 0 ? 0 : signal / noise_;
  }

  const IndicatorSpec spec_;
  Recent recent_;
  double noise_ = 0;
  double average_ = 0;
  std::int64_t count_ = 0;
};

// Sums of the rises and of the falls of one period.
class Oscillator final : public RunningIndicator {
 public:
  explicit Oscillator(const IndicatorSpec& spec) : spec_(spec), recent_(spec.period - 1) {}

  double add(double value) override {
    const double change = first_ ? 0 : value - recent_.newest().value;
    first_ = false;
    if (change > 0) up_ += change;
    if (change < 0) down_ -= change;
    const double result = up_ != 0 || down_ != 0 ? 100 * ((up_ - down_) / (up_ + down_)) : 0;
    const double oldest = recent_.oldest().change;
    if (oldest > 0) up_ -= oldest;
    if (oldest < 0) down_ += oldest;
    recent_.push({value, change});
    return result;
  }
  std::int64_t warm_count() const override { return spec_.period - 1; }

 private:
  const IndicatorSpec spec_;
  Recent recent_;
  bool first_ = true;
  double up_ = 0, down_ = 0;
};

}  // namespace

std::optional<Indicator> indicator_named(std::string_view function) {
  for (const NamedIndicator& named : kIndicators) {
    if (named.name == function) return named.indicator;
  }
  return std::nullopt;
}

Status check_indicator(const Expr& call) {
  const Indicator indicator = *indicator_named(call.name);
  const std::vector<ExprPtr>& args = call.args;
  const std::size_t most = is_kaufmans(indicator) ? 3 : 4;
  if (args.size() < 2 || args.size() > most) {
    return refuse("invalid number of arguments for " + call.name + ", expected at least 2 but no more than " +
                  std::to_string(most) + ", got " + std::to_string(args.size()));
  }
  if (!args[1]->is(Kind::kInteger)) return refuse(call.name + " period must be an integer");
  if (args[1]->integer < 1) return refuse(call.name + " period must be greater than or equal to 1");
  if (args.size() > 2) {
    if (!args[2]->is(Kind::kInteger)) return refuse(call.name + " hold period must be an integer");
    const std::int64_t hold = args[2]->integer;
    const std::int64_t least = indicator == Indicator::kTripleExponentialDerivative ? 1 : 0;
    if (hold < least && hold != -1)
      return refuse(call.name + " hold period must be greater than or equal to " + std::to_string(least));
  }
  if (args.size() > 3) RESMON_TRY(check_warmup(call, *args[3], indicator));
  // InfluxDB's server panics: there is no change within a period of one value.
  const IndicatorSpec spec = indicator_spec(call);
  if (indicator == Indicator::kMomentumOscillator && spec.warmup == Warmup::kNone && spec.period < 2)
    return refuse(call.name + " period must be greater than or equal to 2 without a warmup type");
  return {};
}

IndicatorSpec indicator_spec(const Expr& call) {
  IndicatorSpec spec;
  spec.indicator = *indicator_named(call.name);
  // So large that no answer reaches it, and so small that it can be counted with.
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  spec.period = std::min(call.args[1]->integer, kMost);
  if (call.args.size() > 2) spec.hold = call.args[2]->integer;
  if (spec.indicator == Indicator::kMomentumOscillator) spec.warmup = Warmup::kNone;
  if (call.args.size() > 3) {
    const std::string& warmup = call.args[3]->name;
    spec.warmup = warmup == "simple" ? Warmup::kSimple : warmup == "exponential" ? Warmup::kExponential : Warmup::kNone;
  }
  return spec;
}

std::unique_ptr<RunningIndicator> make_indicator(const IndicatorSpec& spec) {
  switch (spec.indicator) {
    case Indicator::kRelativeStrength:
      return std::make_unique<SmoothedMoves>(spec);
    case Indicator::kEfficiencyRatio:
    case Indicator::kAdaptiveAverage:
      return std::make_unique<Kaufmans>(spec);
    case Indicator::kMomentumOscillator:
      if (spec.warmup == Warmup::kNone) return std::make_unique<Oscillator>(spec);
      return std::make_unique<SmoothedMoves>(spec);
    default:
      return std::make_unique<Averages>(spec);
  }
}

}  // namespace resmon::influxql
