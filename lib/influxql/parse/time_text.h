#pragma once

// Times as InfluxDB reads and writes them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace resmon::influxql {

class Zone;

// The earliest and latest times that InfluxDB knows.
inline constexpr UnixNanos kMinTime = INT64_MIN + 2;
inline constexpr UnixNanos kMaxTime = INT64_MAX - 1;

struct Civil {
  std::int64_t year = 1970;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
};

std::int64_t days_from_civil(std::int64_t year, int month, int day);  // days since 1970-01-01, proleptic Gregorian
Civil civil_from_unix(std::int64_t unix_seconds);

// RFC 3339 with up to nine decimals and no trailing zeros; in `zone` when it is set, else UTC ("…Z").
void append_rfc3339(std::string& out, UnixNanos time, const Zone* zone);

// The texts that InfluxQL parses as a time: "2026-01-02", "2026-01-02 03:04:05.678", RFC 3339 ("2026-01-02T03:04:05Z",
// "+01:00").
bool looks_like_time(std::string_view text);
// Seconds and nanoseconds apart, because a date may be outside of what nanoseconds hold. Times without an offset are in
// `zone`, or UTC.
struct ParsedTime {
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;  // 0..999,999,999
};
std::optional<ParsedTime> parse_time(std::string_view text, const Zone* zone);

}  // namespace resmon::influxql
