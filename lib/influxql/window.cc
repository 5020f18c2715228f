#include "influxql/window.h"

#include <cstdlib>

#include "influxql/duration.h"
#include "influxql/time_text.h"

namespace resmon::influxql {

namespace {

// Sums that stop at the ends of time instead of coming round.
UnixNanos plus(UnixNanos a, std::int64_t b) {
  UnixNanos sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? kMinTime : kMaxTime;
  return sum < kMinTime ? kMinTime : sum > kMaxTime ? kMaxTime : sum;
}

}  // namespace

// With a zone, a window is found in local time and moved back; where the offset changes inside of it, its ends move
// with the clock, so that days stay days: a window of a day has 23 or 25 hours then. A change as large as the window is
// not followed.
Windows::Window Windows::containing(UnixNanos time) const {
  if (interval == 0) return {range_start, range_end == INT64_MAX ? INT64_MAX : range_end + 1};
  const UnixNanos at = plus(time, -offset);
  if (zone == nullptr) {
    std::int64_t rest = at % interval;
    if (rest < 0) rest += interval;
    return {plus(plus(at, -rest), offset), plus(plus(at, interval - rest), offset)};
  }
  const auto shift = [&](UnixNanos when) { return zone->offset_seconds(when) * kNanosPerSecond; };
  const std::int64_t local = shift(at);
  std::int64_t rest = (at % interval + local % interval) % interval;
  if (rest < 0) rest += interval;

  Window window;
  window.begin = plus(plus(at, -rest), offset);
  window.end = plus(plus(at, interval - rest), offset);
  if (const std::int64_t moved = local - shift(window.begin); moved != 0 && std::llabs(moved) < interval) {
    window.begin = plus(window.begin, moved);
  }
  const std::int64_t end_shift = shift(window.end);
  if (const std::int64_t moved = local - end_shift; moved != 0 && std::llabs(moved) < interval) {
    // Time that is gained belongs to this window; time that is lost, to the next, unless the change is in this one.
    if (moved > 0 || shift(plus(window.end, moved)) == end_shift) window.end = plus(window.end, moved);
  }
  return window;
}

UnixNanos Windows::step(UnixNanos begin, bool forward) const {
  if (forward) return zone == nullptr ? plus(begin, interval) : containing(begin).end;
  return zone == nullptr ? plus(begin, -interval) : containing(plus(begin, -1)).begin;
}

}  // namespace resmon::influxql
