#pragma once

// Floats as whole numbers of 10^-decimals, which is what their deltas are said in.

#include <cmath>
#include <cstdint>

namespace resmon::wire {

inline constexpr std::uint8_t kFirstDecimals = 2;
inline constexpr std::uint8_t kMaxDecimals = 9;
inline constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
inline constexpr double kExactLimit = 9007199254740992.0;  // 2^53

// What both sides take as the scaled form of the last value, whatever it was.
inline std::int64_t scaled_roughly(double v, std::uint8_t decimals) {
  const double scaled = v * kPowers[decimals];
  return std::fabs(scaled) < kExactLimit ? static_cast<std::int64_t>(std::nearbyint(scaled)) : 0;
}

}  // namespace resmon::wire
