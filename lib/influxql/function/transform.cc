#include "influxql/function/transform.h"

#include <cmath>
#include <deque>
#include <optional>

#include "influxql/function/evaluate.h"
#include "influxql/parse/time_text.h"

namespace resmon::influxql {
namespace {

bool negative(const Cell& cell) {
  if (const auto* i = std::get_if<std::int64_t>(&cell)) return *i < 0;
  return number_of(cell) < 0;
}

// Unsigned counters go down too: their difference is signed.
Cell difference(const Cell& now, const Cell& before) {
  const auto* a = std::get_if<std::uint64_t>(&now);
  const auto* b = std::get_if<std::uint64_t>(&before);
  if (a != nullptr && b != nullptr) return static_cast<std::int64_t>(*a - *b);
  return evaluate_binary(Token::kSub, now, before);
}

std::vector<Point> indicate(const std::vector<Point>& points, const IndicatorSpec& spec) {
  const auto indicator = make_indicator(spec);
  const std::int64_t hold = spec.hold == -1 ? indicator->warm_count() : spec.hold;
  // Those that divide by what they had before have nothing to say where that was 0.
  const bool finite = spec.indicator == Indicator::kTripleExponentialDerivative ||
                      spec.indicator == Indicator::kEfficiencyRatio || spec.indicator == Indicator::kAdaptiveAverage;
  std::vector<Point> out;
  std::int64_t count = 0;
  for (const Point& point : points) {
    if (is_null(point.value)) continue;
    const double value = indicator->add(number_of(point.value));
    if (++count <= hold || (finite && std::isinf(value))) continue;
    out.push_back({point.time, value, nullptr});
  }
  return out;
}

// For each spec.unit.
double rate(double rise, const Point& before, const Point& point, const TransformSpec& spec, bool ascending) {
  const std::int64_t elapsed = ascending ? point.time - before.time : before.time - point.time;
  return elapsed > 0 ? rise / (static_cast<double>(elapsed) / static_cast<double>(spec.unit)) : 0.0;
}

// The mean of the newest values, so many.
class MovingAverage {
 public:
  explicit MovingAverage(std::int64_t count) : count_(count) {}

  // Nothing before there are so many.
  std::optional<double> add(double value) {
    // Subtract the leaving value before adding the new one: the sum is then rounded as InfluxDB's.
    if (static_cast<std::int64_t>(window_.size()) == count_) {
      sum_ -= window_.front();
      window_.pop_front();
    }
    window_.push_back(value);
    sum_ += window_.back();
    if (static_cast<std::int64_t>(window_.size()) != count_) return std::nullopt;
    return sum_ / static_cast<double>(count_);
  }

 private:
  std::int64_t count_;
  std::deque<double> window_;
  double sum_ = 0;
};

std::vector<Point> follow(const std::vector<Point>& points, const TransformSpec& spec, bool ascending) {
  std::vector<Point> out;
  out.reserve(points.size());
  const Point* before = nullptr;
  Cell sum;
  MovingAverage average(spec.count);
  for (const Point& point : points) {
    if (is_null(point.value)) continue;
    switch (spec.transform) {
      default:
        out.push_back(point);
        break;
      case Transform::kDerivative:
      case Transform::kNonNegativeDerivative: {
        // Of several points at one time, the first counts: a rate over no time means nothing.
        if (before != nullptr && before->time == point.time) continue;
        if (before != nullptr) {
          const double rise = number_of(point.value) - number_of(before->value);
          if (spec.transform == Transform::kDerivative || !(rise < 0))
            out.push_back({point.time, rate(rise, *before, point, spec, ascending), nullptr});
        }
        before = &point;
        break;
      }
      case Transform::kDifference:
      case Transform::kNonNegativeDifference: {
        if (before != nullptr && before->time == point.time) continue;
        if (before != nullptr) {
          Cell value = difference(point.value, before->value);
          if (spec.transform == Transform::kDifference || !negative(value)) {
            out.push_back({point.time, std::move(value), nullptr});
          }
        }
        before = &point;
        break;
      }
      case Transform::kElapsed:
        if (before != nullptr) {
          const std::int64_t elapsed = point.time - before->time;
          out.push_back({point.time, elapsed / spec.unit, nullptr});
        }
        before = &point;
        break;
      case Transform::kCumulativeSum:
        sum = is_null(sum) ? point.value : evaluate_binary(Token::kAdd, sum, point.value);
        out.push_back({point.time, sum, nullptr});
        break;
      case Transform::kMovingAverage:
        if (const auto mean = average.add(number_of(point.value))) out.push_back({point.time, *mean, nullptr});
        break;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<Point>> transform(const std::vector<Point>& points, const TransformSpec& spec, bool ascending,
                                     Budget& budget) {
  if (spec.transform == Transform::kIndicator) return indicate(points, spec.indicator);
  if (spec.transform == Transform::kForecast) return forecast(points, spec.forecast, budget);
  return follow(points, spec, ascending);
}

namespace {

// Mostly every window has a point: then there is nothing to do.
bool has_every_window(const std::vector<Point>& points, UnixNanos first, std::int64_t signed_interval) {
  const auto step = static_cast<std::uint64_t>(signed_interval);
  const auto apart = [](const Point& a, const Point& b) {
    return static_cast<std::uint64_t>(b.time) - static_cast<std::uint64_t>(a.time);
  };
  std::size_t next = points.front().time == first ? 1 : 0;
  while (next > 0 && next < points.size() && apart(points[next - 1], points[next]) == step) ++next;
  return next == points.size();
}

// What stands at `time`, between these two points; null: there is none on that side.
Cell filler(const FillSpec& spec, const Windows& windows, UnixNanos time, const Point* before, const Point* next) {
  switch (spec.fill) {
    case Fill::kNumber:
      return spec.value;
    case Fill::kPrevious:
      return before != nullptr ? before->value : Cell{};
    case Fill::kLinear: {
      if (before == nullptr || next == nullptr || is_null(next->value) || is_null(before->value)) return {};
      if (before->value.index() > 3) return {};  // only numbers lie on a line
      const double from = number_of(before->value);
      const double slope = (number_of(next->value) - from) /
                           static_cast<double>(next->time / windows.interval - before->time / windows.interval);
      const double value =
          slope * static_cast<double>(time / windows.interval - before->time / windows.interval) + from;
      if (spec.linear_whole) return std::fabs(value) < 9.2e18 ? Cell{static_cast<std::int64_t>(value)} : Cell{};
      return value;
    }
    default:
      return {};
  }
}

}  // namespace

Result<std::vector<Point>> fill(std::vector<Point> points, const FillSpec& spec, const Windows& windows,
                                UnixNanos start, UnixNanos end, bool ascending, const Budget& budget) {
  if (points.empty()) return points;
  UnixNanos expected = windows.containing(ascending ? start : end).begin;
  const UnixNanos last = windows.containing(ascending ? end : start).begin;
  // Without a lower bound, filling begins at the first point.
  if (ascending && start == kMinTime) expected = points.front().time;
  const bool stops_at_data = !ascending && start == kMinTime;
  if (windows.zone == nullptr && windows.interval > 0 && (stops_at_data || points.back().time == last) &&
      has_every_window(points, expected, ascending ? windows.interval : -windows.interval))
    return points;

  std::vector<Point> out;
  out.reserve(points.size());
  const Point* before = nullptr;
  const auto beyond = [&](UnixNanos a, UnixNanos b) { return ascending ? a > b : a < b; };
  const auto advance = [&]() -> Status {
    expected = windows.step(expected, ascending);
    return budget.buckets(out.size());
  };
  for (const Point& point : points) {
    while (beyond(point.time, expected)) {
      out.push_back({expected, filler(spec, windows, expected, before, &point), nullptr});
      RESMON_TRY(advance());
      if (out.back().time == expected) break;  // at the end of time there is no step
    }
    out.push_back(point);
    before = &point;
    // A subquery's first window may be before the first that is expected, which is passed with it all the same, as in
    // InfluxDB. Where clocks change, a window may begin before the one before it would have ended: it goes on from the
    // point.
    if (out.size() > 1 || !beyond(expected, point.time)) expected = point.time;
    RESMON_TRY(advance());
  }
  while (!stops_at_data && !beyond(expected, last)) {
    out.push_back({expected, filler(spec, windows, expected, before, nullptr), nullptr});
    if (expected >= kMaxTime || expected <= kMinTime) break;  // there is no further window to step to
    RESMON_TRY(advance());
  }
  return out;
}

}  // namespace resmon::influxql
