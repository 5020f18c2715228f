#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace resmon {

// Counts intervals of a regular task that were missed because the process was not scheduled, so that such gaps in the
// data can be distinguished from lost samples. Intervals that the wall clock jumped over, or that passed during a
// suspend, are not counted: the steady clock did not see them.
class SkippedTurns {
 public:
  explicit SkippedTurns(std::chrono::nanoseconds interval) : interval_(interval) {}  // REQUIRES: interval > 0

  // At each turn taken: the turn's time, a whole number of intervals after the one before, and when it was really
  // taken.
  void took(UnixNanos turn, std::chrono::steady_clock::time_point now) {
    if (turns_taken_++ > 0) {
      const std::int64_t turns = (turn - last_turn_) / interval_.count();
      // A late turn followed by one in time are less than a whole number of intervals apart: rounded up.
      const std::int64_t passed = ((now - last_taken_) + interval_ - std::chrono::nanoseconds(1)) / interval_;
      count_ += std::max<std::int64_t>(0, std::min(turns, passed) - 1);
    }
    last_turn_ = turn;
    last_taken_ = now;
  }

  std::int64_t count() const { return count_; }

 private:
  std::chrono::nanoseconds interval_;
  std::uint64_t turns_taken_ = 0;
  UnixNanos last_turn_ = 0;
  std::chrono::steady_clock::time_point last_taken_;
  std::int64_t count_ = 0;
};

}  // namespace resmon
