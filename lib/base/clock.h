#pragma once

#include <chrono>
#include <cstdint>

namespace resmon {

// Nanoseconds since 1970-01-01 UTC: the type of every timestamp in the project.
using UnixNanos = std::int64_t;

// Time as a program sees it. Tests pass a clock of their own. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixNanos wall() const = 0;                                // may step
  virtual std::chrono::steady_clock::time_point steady() const = 0;  // never goes back

  static const Clock& system();
};

// The first multiple of `interval` since the epoch that is later than `now`. REQUIRES: interval > 0.
constexpr UnixNanos next_aligned(UnixNanos now, std::chrono::nanoseconds interval) {
  const UnixNanos step = interval.count();
  return (now / step + 1) * step;
}

}  // namespace resmon
