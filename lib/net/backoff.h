#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace resmon::net {

// Exponential backoff with full jitter above a floor: a thousand clients that lost one server do not come back in step.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  Backoff(Duration first, Duration most, std::uint64_t seed)
      : first_(first), most_(most), next_(first), random_(seed) {}

  // How long to wait before the next try: from half to the whole of 1, 2, 4, … times `first`, at most `most`.
  Duration next() {
    const Duration whole = next_;
    next_ = std::min(next_ * 2, most_);
    std::uniform_int_distribution<Duration::rep> pick(whole.count() / 2, whole.count());
    return Duration(pick(random_));
  }
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration most_;
  Duration next_;
  std::minstd_rand random_;
};

}  // namespace resmon::net
