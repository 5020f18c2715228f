#pragma once

// The tiers of the store, rows and their windows of a minute and of an hour: how each is cut into chunks.

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "store/reader.h"

namespace resmon::store {

inline constexpr std::int64_t kTierRaw = 0;
inline constexpr std::int64_t kTierMinute = 1;
inline constexpr std::int64_t kTierHour = 2;
inline constexpr std::size_t kTiers = 3;
inline constexpr UnixNanos kHour = 3'600'000'000'000;

struct TierShape {
  UnixNanos width = 0;     // of a window; 0: rows as they came
  UnixNanos max_span = 0;  // no chunk spans more, so that a search by last_time knows how far to look
  UnixNanos max_gap = 0;   // a chunk ends where nothing came for this long
};
constexpr TierShape shape_of(std::int64_t tier) {
  if (tier == kTierRaw) return {0, 24 * kHour, 6 * kHour};
  if (tier == kTierMinute) return {kMinuteWidth, 24 * kHour, 6 * kHour};
  return {kHourWidth, 24 * 32 * kHour, 24 * 31 * kHour};
}

// a - b and a + b, held at the ends of the range.
constexpr UnixNanos minus(UnixNanos a, UnixNanos b) {
  UnixNanos result = 0;
  return __builtin_sub_overflow(a, b, &result) ? (b > 0 ? INT64_MIN : INT64_MAX) : result;
}
constexpr UnixNanos plus(UnixNanos a, UnixNanos b) {
  UnixNanos result = 0;
  return __builtin_add_overflow(a, b, &result) ? (b > 0 ? INT64_MAX : INT64_MIN) : result;
}

}  // namespace resmon::store
