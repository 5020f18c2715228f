#pragma once

// Timestamps as logs write them. No I/O but the zone's.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace resmon::tail {

// Local time to UTC, by the C library; the offset is asked once an hour of log time. Not thread-safe.
class LocalZone {
 public:
  // Seconds since 1970 of a local time that was counted as if it were UTC.
  std::int64_t to_unix(std::int64_t local_seconds);

 private:
  std::int64_t hour_ = INT64_MIN;
  std::int64_t offset_ = 0;
};

struct TimeText {
  UnixNanos time = 0;
  std::size_t length = 0;  // of the text that is the time, with its zone
};

// The time at the very beginning of `text`:
//   2026-11-29T12:00:00.123456Z, 2026-11-29 12:00:00,123 +0100, 2026/11/29 12:00:00 UTC (RFC 3339 and relatives)
//   Nov 29 12:00:00 (RFC 3164: of the last year in which it is not later than a week after `now`)
//   29/Nov/2026:12:00:00 +0100 (the common log format)
//   1129 12:00:00.123456 (klog, behind its letter)
// Without a zone it is local. Nothing where the text begins otherwise, or the date does not exist.
std::optional<TimeText> read_time(std::string_view text, UnixNanos now, LocalZone& zone);

// A number since 1970 in seconds (with a fraction), milli-, micro- or nanoseconds, by its size.
std::optional<UnixNanos> read_epoch(std::string_view text);

}  // namespace resmon::tail
