#include "alert/track.h"

#include <algorithm>
#include <cmath>

namespace resmon::alert {

namespace {

constexpr std::int64_t kHour = 3'600'000'000'000;
constexpr std::size_t kLeastPoints = 24;
constexpr std::size_t kLongestValueText = 256;

struct Point {
  double x, y;
};
struct Line {
  double slope = 0;
  double explained = 0;  // 0 … 1, of the variance
};

Line line_through(const Point* points, std::size_t count) {
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < count; ++i) {
    mean_x += points[i].x;
    mean_y += points[i].y;
  }
  mean_x /= static_cast<double>(count);
  mean_y /= static_cast<double>(count);
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = points[i].x - mean_x, y = points[i].y - mean_y;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  return {xx > 0 ? xy / xx : 0, xx > 0 && yy > 0 ? xy * xy / (xx * yy) : 0};
}

}  // namespace

void SlotWindow::add(Function function, UnixNanos time, double value) {
  const bool counter = function == Function::kIncrease || function == Function::kRate;
  if (first_time_ == 0 || time - last_time_ > width_ * kSlots) {
    first_time_ = time;
    total_ = 0;
    for (Slot& slot : slots_) slot.number = -1;
  } else if (counter) {
    total_ += value >= last_value_ ? value - last_value_ : value;
  }
  last_time_ = time;
  last_value_ = value;
  const std::int64_t number = time / width_;
  Slot& slot = slots_[static_cast<std::size_t>(number % kSlots)];
  if (slot.number != number) {
    slot = {number, counter ? total_ : value, counter ? static_cast<double>(time - first_time_) / 1e9 : 1};
    return;
  }
  if (function == Function::kMean) {
    slot.first += value;
    slot.second += 1;
  } else if (function == Function::kMin) {
    slot.first = std::min(slot.first, value);
  } else if (function == Function::kMax) {
    slot.first = std::max(slot.first, value);
  }
}

std::optional<double> SlotWindow::value(Function function) const {
  if (first_time_ == 0) return std::nullopt;
  const std::int64_t newest = last_time_ / width_;
  const bool covered = last_time_ - first_time_ >= width_ * (kSlots - 1);
  if (!covered && function != Function::kIncrease) return std::nullopt;
  double first = 0, second = 0;
  bool any = false;
  for (std::int64_t number = std::max<std::int64_t>(newest - kSlots + 1, 0); number <= newest; ++number) {
    const Slot& slot = slots_[static_cast<std::size_t>(number % kSlots)];
    if (slot.number != number) continue;
    if (!any || function == Function::kMean) {
      first += slot.first;
      second += slot.second;
    } else if (function == Function::kMin) {
      first = std::min(first, slot.first);
    } else if (function == Function::kMax) {
      first = std::max(first, slot.first);
    }
    any = true;
  }
  if (!any) return std::nullopt;
  if (function == Function::kMean) return first / second;
  if (function == Function::kMin || function == Function::kMax) return first;
  if (last_time_ == first_time_) return std::nullopt;
  const double seconds = static_cast<double>(last_time_ - first_time_) / 1e9 - second;
  if (function == Function::kIncrease) return total_ - first;
  return seconds > 0 ? std::optional((total_ - first) / seconds) : std::nullopt;
}

Forecast::Forecast(std::chrono::nanoseconds span, bool percent)
    : hours_(static_cast<std::size_t>(std::max<std::int64_t>(span.count() / kHour, 24))), percent_(percent) {}

void Forecast::add(UnixNanos time, double value) {
  const std::int64_t hour = time / kHour;
  if (hour != hour_) {
    if (hour_ >= 0 && count_ > 0) seed(hour_ * kHour, sum_ / count_);
    hour_ = hour;
    sum_ = 0;
    count_ = 0;
    fit();
  }
  sum_ += value;
  ++count_;
}

void Forecast::seed(UnixNanos time, double mean) {
  const std::int64_t hour = time / kHour;
  if (means_.empty()) first_hour_ = hour;
  const std::int64_t at = hour - first_hour_;
  if (at < static_cast<std::int64_t>(means_.size())) return;  // late, or a clock that went back
  if (at >= static_cast<std::int64_t>(means_.size() + hours_)) {
    means_.clear();
    first_hour_ = hour;
  }
  means_.resize(static_cast<std::size_t>(hour - first_hour_), std::numeric_limits<float>::quiet_NaN());
  means_.push_back(static_cast<float>(mean));
  if (means_.size() > hours_) {
    const std::size_t over = means_.size() - hours_;
    means_.erase(means_.begin(), means_.begin() + static_cast<std::ptrdiff_t>(over));
    first_hour_ += static_cast<std::int64_t>(over);
  }
}

void Forecast::fit() {
  result_.reset();
  std::vector<Point> points;
  points.reserve(means_.size());
  // A value that falls to 0 is negated, so that both kinds rise to their end.
  for (std::size_t i = 0; i < means_.size(); ++i)
    if (!std::isnan(means_[i]))
      points.push_back(
          {static_cast<double>(i), percent_ ? static_cast<double>(means_[i]) : -static_cast<double>(means_[i])});
  if (points.size() < kLeastPoints) return;
  const double end = percent_ ? 100 : 0;
  const Line whole = line_through(points.data(), points.size());
  const auto latest = [&](std::size_t part) {
    const std::size_t count = (points.size() + part - 1) / part;
    return line_through(points.data() + points.size() - count, count).slope;
  };
  result_ = std::numeric_limits<double>::infinity();
  const bool ended = latest(3) < whole.slope / 3 || latest(6) < whole.slope / 10;
  const double last = points.back().y;
  if (whole.explained < 0.5 || whole.slope <= 0 || ended || last >= end) return;
  const double hours = (end - last) / whole.slope;
  if (hours <= 10 * (points.back().x - points.front().x)) result_ = hours * 3600;
}

Track::Track(const Operand& operand) : operand_(&operand) {
  switch (operand.function) {
    case Function::kMean:
    case Function::kMax:
    case Function::kMin:
    case Function::kIncrease:
    case Function::kRate:
      window_ = std::make_unique<SlotWindow>(operand.window);
      break;
    case Function::kForecast:
      forecast_ = std::make_unique<Forecast>(operand.window, operand.field.ends_with("percent"));
      break;
    default:
      break;
  }
}

bool Track::add(UnixNanos time, double value) {
  if (time <= time_) return false;
  if (window_) window_->add(operand_->function, time, value);
  if (forecast_) forecast_->add(time, value);
  if (time_ != 0) change_ = value - value_;
  time_ = time;
  value_ = value;
  return true;
}

bool Track::add_text(UnixNanos time, std::string_view text) {
  if (time <= time_) return false;
  time_ = time;
  if (!text_) text_ = std::make_unique<std::string>();
  text_->assign(text.substr(0, kLongestValueText));
  return true;
}

void Track::seed(UnixNanos hour, double mean) {
  if (forecast_) forecast_->seed(hour, mean);
}

std::optional<double> Track::value() const {
  if (time_ == 0) return std::nullopt;
  if (window_) return window_->value(operand_->function);
  if (forecast_) return forecast_->seconds_left();
  if (operand_->function == Function::kChanged) return std::isnan(change_) ? std::nullopt : std::optional(change_);
  return value_;
}

}  // namespace resmon::alert
