#pragma once

// The units that timestamps of lines may have. InfluxDB 1.x knows all six; ns, ms and s mean the same everywhere.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::lineproto {

enum class Precision : std::uint8_t { kNanosecond, kMicrosecond, kMillisecond, kSecond, kMinute, kHour };

constexpr std::int64_t nanoseconds_per(Precision precision) {
  switch (precision) {
    case Precision::kNanosecond:
      return 1;
    case Precision::kMicrosecond:
      return 1'000;
    case Precision::kMillisecond:
      return 1'000'000;
    case Precision::kSecond:
      return 1'000'000'000;
    case Precision::kMinute:
      return 60'000'000'000;
    case Precision::kHour:
      return 3'600'000'000'000;
  }
  return 1;
}

// The `precision` parameter of a write: "", "n", "ns", "u", "us", "ms", "s", "m", "h".
Result<Precision> parse_precision(std::string_view name);
// "ns", "us", "ms", "s", "m", "h".
std::string_view precision_name(Precision precision);

// No sample is of 1970: a timestamp that would be is one in a larger unit than it was taken for.
inline constexpr UnixNanos kYear1971 = 31'536'000'000'000'000;

// Of a time before kYear1971 that was read in `precision`: "m: the timestamp 1795947869 is not after 1970 in ns; did
// you mean precision = "s"?". `setting`: how the unit is set, with '*' in its place: `precision = "*"`. The question is
// left out where no unit makes a time of this century.
std::string wrong_unit(std::string_view measurement, UnixNanos time, Precision precision, std::string_view setting);

}  // namespace resmon::lineproto
