#pragma once

// Estimates the interval of a host's samples from the times at which they arrived.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace resmon::fleet {

// The median of the last three gaps: neither one that was missed nor one that came twice changes it. Of two gaps it is
// the smaller one. A single gap may be an outage, so it counts as ten minutes at most.
class Interval {
 public:
  // A time that is not later than the last one is ignored.
  void seen(UnixNanos time) {
    if (last_ != 0 && time <= last_) return;
    if (last_ != 0) {
      // Both may be any number that a client chose.
      std::int64_t gap = 0;
      if (__builtin_sub_overflow(time, last_, &gap)) gap = INT64_MAX;
      gaps_[next_] = gap;
      next_ = (next_ + 1) % gaps_.size();
      known_ = std::min(known_ + 1, gaps_.size());
    }
    last_ = time;
  }
  // After a step of the clock: what was learned stays.
  void restart(UnixNanos time) { last_ = time; }
  UnixNanos last() const { return last_; }  // 0: none yet

  std::chrono::nanoseconds value() const {  // 0: not known yet
    constexpr std::int64_t kMostOfOne = 600'000'000'000;
    if (known_ == 0) return {};
    if (known_ == 1) return std::chrono::nanoseconds(std::min(gaps_[0], kMostOfOne));
    if (known_ == 2) return std::chrono::nanoseconds(std::min(gaps_[0], gaps_[1]));
    return std::chrono::nanoseconds(std::max(std::min(gaps_[0], gaps_[1]),  //
                                             std::min(std::max(gaps_[0], gaps_[1]), gaps_[2])));
  }

 private:
  UnixNanos last_ = 0;
  std::array<std::int64_t, 3> gaps_{};
  std::size_t next_ = 0;
  std::size_t known_ = 0;
};

}  // namespace resmon::fleet
