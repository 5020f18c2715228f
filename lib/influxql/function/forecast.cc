#include "influxql/function/forecast.h"

#include <cmath>
#include <functional>
#include <limits>
#include <span>

#include "influxql/function/evaluate.h"

// The damped multiplicative method of Holt and Winters. Its four weights, its first level, trend and seasons are those
// that fit the series best: found by the simplex method of Nelder and Mead (1965) from sixteen beginnings. A search
// like that turns on the last bit of a sum, so the steps are done in InfluxDB's order, to give InfluxDB's numbers; and
// as there, a run through the series leaves the parameters with the seasons as it found them at the end.
//
// Cost: up to 16 searches of 1000 steps, each at least once through the series. The deadline is looked at in each step.

namespace resmon::influxql {
namespace {

using ModelParameters =
    std::vector<double>;  // weights of level, trend, season; damping; first level, first trend; seasons

constexpr std::size_t kFixed = 6;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// By squaring, which rounds as InfluxDB's power does.
double power(double base, std::uint64_t exponent) {
  double out = 1;
  for (; exponent != 0; exponent >>= 1U) {
    if ((exponent & 1U) != 0) out *= base;
    base *= base;
  }
  return out;
}

class Model {
 public:
  Model(std::vector<double> series, std::size_t season) : series_(std::move(series)), season_(season) {}

  std::size_t size() const { return series_.size(); }

  ModelParameters guess() const {
    ModelParameters out(kFixed + (seasonal() ? season_ : 0));
    double& level = out[4];
    double& trend = out[5];
    if (!seasonal()) {
      level = 0.5 * series_[0];
      if (!std::isnan(series_[1])) trend = 0.5 * (series_[1] - series_[0]);
      return out;
    }
    const auto m = static_cast<double>(season_);
    for (std::size_t i = 0; i < season_; ++i) {
      if (!std::isnan(series_[i])) level += (1 / m) * series_[i];
    }
    for (std::size_t i = 0; i < season_ && season_ + i < series_.size(); ++i) {
      if (!std::isnan(series_[i]) && !std::isnan(series_[season_ + i]))
        trend += 1 / (m * m) * (series_[season_ + i] - series_[i]);
    }
    for (std::size_t i = 0; i < season_; ++i) out[kFixed + i] = std::isnan(series_[i]) ? 0 : series_[i] / level;
    return out;
  }

  // What the model gives for the series and `horizon` windows more.
  std::vector<double> run(std::size_t horizon, ModelParameters& parameters) const {
    for (std::size_t i = 0; i < 4; ++i) parameters[i] = clamp(parameters[i]);
    const double alpha = parameters[0], beta = parameters[1], gamma = parameters[2], phi = parameters[3];
    double level = parameters[4], trend = parameters[5];
    double value = series_[0];
    double damping = phi;
    const std::span<double> seasons = std::span(parameters).subspan(kFixed);
    std::vector<double> out(series_.size() + horizon);
    out[0] = value;
    for (std::size_t t = 1; t < out.size(); ++t) {
      // The seasons are a ring; `t` counts on from its last place.
      const std::size_t now = seasonal() ? (2 * t - 2) % season_ : 0;
      const std::size_t ahead = seasonal() ? (2 * t - 2 + t % season_) % season_ : 0;
      const double season = seasonal() ? seasons[now] : 1;
      const double next_season = seasonal() ? seasons[ahead] : 1;
      const double before = level + phi * trend;
      const double next_level = alpha * (value / season) + (1 - alpha) * before;
      const double next_trend = beta * (next_level - level) + (1 - beta) * phi * trend;
      const double new_season = gamma * (value / before) + (1 - gamma) * season;
      value = (next_level + damping * next_trend) * next_season;
      level = next_level;
      trend = next_trend;
      damping += power(phi, t);
      if (seasonal()) seasons[(2 * t - 2) % season_] = new_season;
      out[t] = value;
    }
    return out;
  }

  double squared_error(ModelParameters& parameters) const {
    double sum = 0;
    const std::vector<double> fit = run(0, parameters);
    for (std::size_t i = 0; i < series_.size(); ++i) {
      if (std::isnan(series_[i])) continue;
      if (std::isnan(fit[i])) return std::numeric_limits<double>::infinity();
      const double off = fit[i] - series_[i];
      sum += off * off;
    }
    return sum;
  }

 private:
  static double clamp(double v) { return v > 1 ? 1 : v < 0 ? 0 : v; }
  bool seasonal() const { return season_ > 1; }

  const std::vector<double> series_;  // one value a window, kMissing where there is none
  const std::size_t season_;
};

// The least of a function of several variables, by a simplex that walks downhill.
class Simplex {
 public:
  Simplex(const Model& model, const ModelParameters& start, const Budget& budget)
      : model_(model), budget_(budget), n_(start.size()), corners_(n_ + 1, start), errors_(n_ + 1) {
    const auto n = static_cast<double>(n_);
    const double far = (std::sqrt(n + 1) - 1 + n) / (n * std::sqrt(2.0));
    const double near = (std::sqrt(n + 1) - 1) / (n * std::sqrt(2.0));
    for (std::size_t i = 1; i <= n_; ++i) {
      for (std::size_t j = 0; j < n_; ++j) corners_[i][j] = (i - 1 == j ? far : near) + start[j];
    }
  }

  // The error at the corner that is best when the walk ends, and that corner.
  Result<std::pair<double, ModelParameters>> walk() {
    constexpr int kSteps = 1000;
    constexpr double kCloseEnough = 1e-4;
    for (std::size_t i = 0; i <= n_; ++i) {
      RESMON_TRY(budget_.alive());
      errors_[i] = model_.squared_error(corners_[i]);
    }
    for (int i = 0; i < kSteps; ++i) {
      RESMON_TRY(budget_.alive());
      step();
      if (spread() < kCloseEnough) break;
    }
    const std::size_t best = least();
    ModelParameters found = corners_[best];
    const double error = model_.squared_error(corners_[best]);
    return std::pair(error, std::move(found));
  }

 private:
  std::size_t least() const {
    std::size_t out = 0;
    for (std::size_t i = 0; i <= n_; ++i) out = errors_[i] < errors_[out] ? i : out;
    return out;
  }
  std::size_t greatest() const {
    std::size_t out = 0;
    for (std::size_t i = 0; i <= n_; ++i) out = errors_[i] > errors_[out] ? i : out;
    return out;
  }

  double spread() const {
    double sum = 0;
    for (const double error : errors_) sum += error;
    const double mean = sum / static_cast<double>(n_ + 1);
    double squares = 0;
    for (const double error : errors_) squares += (error - mean) * (error - mean) / static_cast<double>(n_);
    return std::sqrt(squares);
  }

  // The point on the line from the middle of the other corners.
  template <class F>
  ModelParameters point(const F& at) const {
    ModelParameters out(n_);
    for (std::size_t i = 0; i < n_; ++i) out[i] = at(i);
    return out;
  }

  void step() {
    const std::size_t worst = greatest();
    const std::size_t best = least();
    std::size_t second = best;  // the second worst
    for (std::size_t i = 0; i <= n_; ++i) {
      if (errors_[i] > errors_[second] && errors_[i] < errors_[worst]) second = i;
    }
    const ModelParameters middle = point([&](std::size_t i) {
      double sum = 0;
      for (std::size_t m = 0; m <= n_; ++m) {
        if (m != worst) sum += corners_[m][i];
      }
      return sum / static_cast<double>(n_);
    });
    ModelParameters mirrored = point([&](std::size_t i) { return middle[i] + (middle[i] - corners_[worst][i]); });
    const double error = model_.squared_error(mirrored);
    if (error < errors_[second] && error >= errors_[best]) replace(worst, mirrored, error);
    if (error < errors_[best]) {
      ModelParameters further = point([&](std::size_t i) { return middle[i] + 2 * (mirrored[i] - middle[i]); });
      const double further_error = model_.squared_error(further);
      if (further_error < error)
        replace(worst, further, further_error);
      else
        replace(worst, mirrored, error);
    }
    if (error >= errors_[second]) contract(worst, best, second, middle, mirrored, error);
  }

  void contract(std::size_t worst, std::size_t best, std::size_t second, const ModelParameters& middle,
                const ModelParameters& mirrored, double error) {
    const bool outside = error < errors_[worst] && error >= errors_[second];
    ModelParameters nearer = point([&](std::size_t i) {
      return outside ? middle[i] + 0.5 * (mirrored[i] - middle[i]) : middle[i] - 0.5 * (middle[i] - corners_[worst][i]);
    });
    const double nearer_error = model_.squared_error(nearer);
    if (nearer_error < errors_[worst]) {
      replace(worst, nearer, nearer_error);
      return;
    }
    for (std::size_t row = 0; row <= n_; ++row) {
      if (row == best) continue;
      for (std::size_t i = 0; i < n_; ++i)
        corners_[row][i] = corners_[best][i] + (corners_[row][i] - corners_[best][i]) / 2;
    }
    errors_[worst] = model_.squared_error(corners_[worst]);
    errors_[second] = model_.squared_error(corners_[second]);
  }

  void replace(std::size_t corner, const ModelParameters& with, double error) {
    corners_[corner] = with;
    errors_[corner] = error;
  }

  const Model& model_;
  const Budget& budget_;
  const std::size_t n_;
  std::vector<ModelParameters> corners_;
  std::vector<double> errors_;
};

Result<ModelParameters> best_fit(const Model& model, const Budget& budget) {
  constexpr double kLow = 0.3, kStep = 0.4;
  const double guesses[] = {kLow, kLow + kStep};
  ModelParameters start = model.guess();
  ModelParameters best;
  double least = std::numeric_limits<double>::infinity();
  for (const double alpha : guesses) {
    for (const double beta : guesses) {
      for (const double gamma : guesses) {
        for (const double phi : guesses) {
          start[0] = alpha, start[1] = beta, start[2] = gamma, start[3] = phi;
          RESMON_ASSIGN(auto found, Simplex(model, start, budget).walk());
          if (!(found.first < least) && !best.empty()) continue;
          least = found.first;
          best = std::move(found.second);
        }
      }
    }
  }
  return best;
}

UnixNanos rounded(UnixNanos time, std::int64_t interval) {
  const std::int64_t down = time / interval * interval;
  return time % interval > interval / 2 ? down + interval : down;
}

// One value a window; the first where two fall into one.
std::vector<double> regular(std::span<const Point> points, std::int64_t interval) {
  std::vector<double> out = {number_of(points.front().value)};
  UnixNanos at = rounded(points.front().time, interval);
  for (const Point& point : points.subspan(1)) {
    const UnixNanos time = rounded(point.time, interval);
    if (time <= at) continue;
    for (at += interval; at != time; at += interval) out.push_back(kMissing);
    out.push_back(number_of(point.value));
  }
  return out;
}

}  // namespace

Status check_forecast(const Expr& call) {
  const std::string& name = call.name;
  if (call.args.size() != 3) {
    return refuse("invalid number of arguments for " + name + ", expected 3, got " + std::to_string(call.args.size()));
  }
  const Expr& horizon = *call.args[1];
  const Expr& season = *call.args[2];
  if (!horizon.is(Expr::Kind::kInteger)) return refuse("expected integer argument as second arg in " + name);
  if (horizon.integer <= 0)
    return refuse("second arg to " + name + " must be greater than 0, got " + std::to_string(horizon.integer));
  if (!season.is(Expr::Kind::kInteger)) return refuse("expected integer argument as third arg in " + name);
  if (season.integer < 0)
    return refuse("third arg to " + name + " cannot be negative, got " + std::to_string(season.integer));
  return {};
}

ForecastSpec forecast_spec(const Expr& call, std::int64_t interval) {
  return {call.args[1]->integer, call.args[2]->integer, interval, call.name == "holt_winters_with_fit"};
}

Result<std::vector<Point>> forecast(const std::vector<Point>& all, const ForecastSpec& spec, Budget& budget) {
  std::vector<Point> points;
  for (const Point& point : all) {
    if (!is_null(point.value)) points.push_back({point.time, point.value, nullptr});
  }
  std::vector<Point> out;
  if (points.size() < 2) return out;
  const auto season = static_cast<std::uint64_t>(spec.season > 1 ? spec.season : 0);
  if (points.size() < season) return out;
  const std::int64_t windows = rounded(points.back().time, spec.interval) / spec.interval -
                               rounded(points[0].time, spec.interval) / spec.interval;
  if (windows <= 0) return out;
  RESMON_TRY(budget.buckets(static_cast<std::uint64_t>(windows) + static_cast<std::uint64_t>(spec.horizon)));
  const Model model(regular(points, spec.interval), static_cast<std::size_t>(season));
  if (model.size() < season) return out;
  const std::uint64_t corners = season + kFixed + 1;
  const std::uint64_t bytes =
      (corners * corners + 2 * static_cast<std::uint64_t>(windows) + static_cast<std::uint64_t>(spec.horizon)) *
      sizeof(double);
  RESMON_TRY(budget.buffer(bytes));
  auto parameters = best_fit(model, budget);
  std::vector<double> values;
  if (parameters) values = model.run(static_cast<std::size_t>(spec.horizon), *parameters);
  budget.release(bytes);
  if (!parameters) return fail(std::move(parameters).error());

  const std::size_t first = spec.with_fit ? 0 : model.size();
  // The first window to come is one interval behind the last that is there.
  const UnixNanos begin = spec.with_fit ? points.front().time : points.back().time + spec.interval;
  for (std::size_t i = first; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    out.push_back({begin + spec.interval * static_cast<std::int64_t>(i - first), values[i], nullptr});
  }
  return out;
}

}  // namespace resmon::influxql
