#pragma once

// Durations and byte counts as people write them in a configuration.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::config {

// "250ms", "5s", "1h30m", "30d"; units ns, us, ms, s, m, h, d. "10 s" and "1 h 30 m" are the same with blanks.
// "0" needs no unit. Not negative.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
// In the largest unit that shows it exactly: "90m", "5s".
std::string print_duration(std::chrono::nanoseconds duration);

// "512", "64KiB", "16MiB", "2GiB", "1TiB", and kB, MB, GB, TB for the powers of ten. Capitals do not matter.
Result<std::uint64_t> parse_bytes(std::string_view text);
std::string print_bytes(std::uint64_t bytes);

}  // namespace resmon::config
