#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::influxql {

inline constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
inline constexpr std::int64_t kNanosPerDay = 86'400 * kNanosPerSecond;

// "1h30m" to nanoseconds. Units: ns, u, µ, ms, s, m, h, d, w.
Result<std::int64_t> parse_duration(std::string_view text);

// As InfluxQL prints a duration: in the largest unit that leaves no rest ("90m", "2d", "0s").
std::string format_duration(std::int64_t nanos);

}  // namespace resmon::influxql
