#pragma once

// The state of one operand of a rule for one series: its newest value, and the part of a window that its function
// needs. Memory does not grow with the number of samples: a window has twelve slots, a forecast has one mean per hour.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "alert/expression.h"
#include "base/clock.h"

namespace resmon::alert {

// A window in slots of a twelfth of its width. It ends with the newest sample and begins between eleven and twelve
// twelfths before.
class SlotWindow {
 public:
  explicit SlotWindow(std::chrono::nanoseconds window) : width_(std::max<std::int64_t>(window.count() / kSlots, 1)) {}
  void add(Function function, UnixNanos time, double value);
  // Nothing while the window is not covered yet; kIncrease needs two samples only.
  std::optional<double> value(Function function) const;

 private:
  static constexpr std::int64_t kSlots = 12;
  struct Slot {
    std::int64_t number = -1;  // time / width_
    double first = 0;          // kMean: the sum; kMin, kMax: the extreme; counters: the total when the slot began
    double second = 0;         // kMean: how many; counters: seconds, from first_time_, when the slot began
  };
  std::int64_t width_;
  UnixNanos first_time_ = 0;  // of the samples without a gap as long as the window; 0: none
  UnixNanos last_time_ = 0;
  double last_value_ = 0;
  double total_ = 0;  // by which a counter grew since first_time_
  Slot slots_[kSlots];
};

// When a series reaches its end (100 of a percentage, 0 of anything else), by a straight line through the hourly means
// of a span. The rules against guesswork are the page's (web/src/core/forecast.ts): at least 24 hours, more than half
// of the variance explained, and growth that goes on.
class Forecast {
 public:
  Forecast(std::chrono::nanoseconds span, bool percent);
  void add(UnixNanos time, double value);
  // A mean of an hour that is over, oldest first, from the store.
  void seed(UnixNanos hour, double mean);
  // Seconds; infinite where it does not end. Nothing where too little is known.
  std::optional<double> seconds_left() const { return result_; }

 private:
  void fit();

  std::size_t hours_;
  bool percent_;
  std::int64_t first_hour_ = 0;  // of means_[0]
  std::vector<float> means_;     // NaN: nothing in that hour
  std::int64_t hour_ = -1;       // being added up
  double sum_ = 0;
  std::uint32_t count_ = 0;
  std::optional<double> result_;
};

class Track {
 public:
  // `operand` must outlive the track.
  explicit Track(const Operand& operand);

  // Goes on with an equal operand, which must outlive the track.
  void follow(const Operand& operand) { operand_ = &operand; }
  // A time that is not later than the last one is ignored: false.
  bool add(UnixNanos time, double value);
  bool add_text(UnixNanos time, std::string_view text);
  void seed(UnixNanos hour, double mean);

  // What the operand is now. Nothing: not known (yet). Not of kAbsent, kSilent and kReplaced, which the engine knows.
  std::optional<double> value() const;
  std::string_view text() const { return text_ ? std::string_view(*text_) : std::string_view(); }
  bool has_text() const { return text_ != nullptr; }
  UnixNanos time() const { return time_; }  // of the newest sample; 0: none

 private:
  const Operand* operand_;
  UnixNanos time_ = 0;
  double value_ = 0;
  double change_ = std::numeric_limits<double>::quiet_NaN();
  std::unique_ptr<SlotWindow> window_;
  std::unique_ptr<Forecast> forecast_;
  std::unique_ptr<std::string> text_;
};

}  // namespace resmon::alert
