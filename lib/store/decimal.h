#pragma once

// Floats that are decimal fractions: integers times 10^-k, checked bit by bit, so that dividing gives the same float.

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

namespace resmon::store {

inline constexpr unsigned kMaxDecimals = 6;
inline constexpr std::int64_t kMaxExactWhole = INT64_C(1) << 53U;
inline constexpr auto kMaxExact = static_cast<double>(kMaxExactWhole);

constexpr double decimal_power(unsigned decimals) {
  constexpr std::array<double, kMaxDecimals + 1> kPowers{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
  return kPowers[decimals];
}

// To the nearest whole number, of two to the even one, as std::nearbyint, which is a call where the processor may lack
// the instruction.
inline double nearest_whole(double v) {
  constexpr double kNoFraction = 0x1p52;
  if (!(std::abs(v) < kNoFraction)) return v;
  const double shift = std::copysign(kNoFraction, v);
  return (v + shift) - shift;
}

// v * 10^decimals where that is a whole number that gives v back; never for -0. REQUIRES: decimals <= kMaxDecimals.
inline std::optional<std::int64_t> exact_decimal(double v, unsigned decimals) {
  const double scaled = nearest_whole(v * decimal_power(decimals));
  if (!(std::abs(scaled) <= kMaxExact)) return std::nullopt;
  const auto whole = static_cast<std::int64_t>(scaled);
  if (std::bit_cast<std::uint64_t>(static_cast<double>(whole) / decimal_power(decimals)) !=
      std::bit_cast<std::uint64_t>(v))
    return std::nullopt;
  return whole;
}

}  // namespace resmon::store
