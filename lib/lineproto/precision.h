#pragma once

// The units that timestamps of lines may have. InfluxDB 1.x knows all six; ns, ms and s mean the same everywhere.

#include <cstdint>
#include <string_view>

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

}  // namespace resmon::lineproto
