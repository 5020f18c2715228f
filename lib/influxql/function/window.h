#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "influxql/parse/zone.h"

namespace resmon::influxql {

// The windows of GROUP BY time(interval, offset), aligned to the epoch, or to local midnight with tz(): each time is in
// one of them, and each begins where the one before it ends.
struct Windows {
  std::int64_t interval = 0;  // 0: one window for everything
  std::int64_t offset = 0;
  const Zone* zone = nullptr;
  UnixNanos range_start = 0;  // what the only window is where interval is 0; both inclusive
  UnixNanos range_end = 0;

  struct Window {
    UnixNanos begin = 0;
    UnixNanos end = 0;  // exclusive
  };
  Window containing(UnixNanos time) const;
  // From the begin of one window to that of the next, or of the one before.
  UnixNanos step(UnixNanos begin, bool forward) const;

 private:
  Window on_the_clock(UnixNanos time) const;
  UnixNanos when(UnixNanos local, UnixNanos near) const;
  std::int64_t shift(UnixNanos time) const;
};

}  // namespace resmon::influxql
