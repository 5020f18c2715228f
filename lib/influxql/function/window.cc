#include "influxql/function/window.h"

#include <algorithm>
#include <cstdlib>

#include "influxql/parse/duration.h"
#include "influxql/parse/time_text.h"

namespace resmon::influxql {

namespace {

// Sums that stop at the ends of time instead of coming round.
UnixNanos plus(UnixNanos a, std::int64_t b) {
  UnixNanos sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? kMinTime : kMaxTime;
  return sum < kMinTime ? kMinTime : sum > kMaxTime ? kMaxTime : sum;
}

std::int64_t remainder(std::int64_t a, std::int64_t b) {
  const std::int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

// No zone's clock changes by more than a day, nor twice within two.
constexpr std::int64_t kNearby = 25 * 3600 * kNanosPerSecond;

}  // namespace

Windows::Window Windows::containing(UnixNanos time) const {
  if (interval == 0) return {range_start, range_end == INT64_MAX ? INT64_MAX : range_end + 1};
  if (zone != nullptr) return on_the_clock(time);
  const UnixNanos at = plus(time, -offset);
  const std::int64_t rest = remainder(at, interval);
  return {plus(plus(at, -rest), offset), plus(plus(at, interval - rest), offset)};
}

std::int64_t Windows::shift(UnixNanos time) const {
  return zone->offset_seconds(time) * kNanosPerSecond;
}

// With a zone, windows begin where its clock says so, the offset included: days from six o'clock begin at six, also
// where a day has 23 or 25 hours. A time that the clock leaves out begins when it is passed over; one that comes twice,
// at the first. A change as large as the window or larger is not followed: hours stay hours.
// Rejected: to move windows found in UTC by the change, as InfluxDB 1.6 does, which puts some times into no window and
// some into two, and begins some an hour off.
Windows::Window Windows::on_the_clock(UnixNanos time) const {
  const UnixNanos local = plus(time, shift(time));
  const std::int64_t rest = remainder(remainder(local, interval) - offset, interval);
  const std::int64_t change = std::llabs(shift(plus(time, kNearby)) - shift(plus(time, -kNearby)));
  const bool none_near = change == 0 && interval < kNearby;
  if (change >= interval || none_near) return {plus(time, -rest), plus(time, interval - rest)};
  UnixNanos begins = plus(local, -rest);
  Window window{when(begins, time), 0};
  for (;;) {
    begins = plus(begins, interval);
    window.end = when(begins, plus(window.begin, interval));
    if (window.end > time || window.end <= window.begin || begins >= kMaxTime) return window;
    window.begin = window.end;  // the clock has been set back to before this began
  }
}

// The first time at which the clock shows `local` or later; `near` is not far from it.
UnixNanos Windows::when(UnixNanos local, UnixNanos near) const {
  const UnixNanos guess = plus(local, -shift(near));
  UnixNanos before = plus(guess, -kNearby);
  UnixNanos after = plus(guess, kNearby);
  const std::int64_t old_shift = shift(before);
  const std::int64_t new_shift = shift(after);
  const UnixNanos by_old = plus(local, -old_shift);
  if (old_shift == new_shift) return by_old;
  while (after - before > kNanosPerSecond) {
    const UnixNanos middle = before + (after - before) / 2;
    (shift(middle) == old_shift ? before : after) = middle;
  }
  // Clocks change at whole seconds.
  const UnixNanos change = after - remainder(after, kNanosPerSecond);
  return by_old < change ? by_old : std::max(change, plus(local, -new_shift));
}

UnixNanos Windows::step(UnixNanos begin, bool forward) const {
  if (forward) return zone == nullptr ? plus(begin, interval) : containing(begin).end;
  return zone == nullptr ? plus(begin, -interval) : containing(plus(begin, -1)).begin;
}

}  // namespace resmon::influxql
