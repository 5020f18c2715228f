#include "alert/silence_watch.h"

namespace resmon::alert {

namespace {

constexpr std::int64_t kOneSecond = 1'000'000'000;
constexpr std::int64_t kGrace = 120 * kOneSecond;        // after a start, for hosts not heard of since
constexpr std::int64_t kPause = 30 * kOneSecond;         // between ticks: the process did not run
constexpr std::int64_t kRecent = 600 * kOneSecond;       // fell silent together
constexpr std::int64_t kStormSettles = 10 * kOneSecond;  // until all of them are seen
constexpr std::size_t kLeastStorm = 5;

}  // namespace

void SilenceWatch::begin(UnixNanos now) {
  if (last_tick_ == 0 || now - last_tick_ > kPause) grace_from_ = now;
  last_tick_ = now;
}

bool SilenceWatch::grace(UnixNanos now) const {
  return now - grace_from_ < kGrace;
}

bool SilenceWatch::look(Hosts& hosts, UnixNanos now) {
  if (!storm(hosts, now))
    storm_since_ = 0;
  else if (storm_since_ == 0)
    storm_since_ = now;
  return storm_since_ != 0 && now - storm_since_ >= kStormSettles;
}

// Most hosts fell silent within a few minutes.
bool SilenceWatch::storm(Hosts& hosts, UnixNanos now) {
  expected_hosts_ = 0;
  std::size_t recent = 0;
  const bool in_grace = grace(now);
  hosts.each([&](HostState& host) {
    if (host.is_server || !host.in_fleet) return;
    host.unheard = in_grace && host.view.last_seen < grace_from_;
    host.silent = host.view.state == fleet::State::kDown && !host.unheard;
    const bool lately = host.silent && now - host.view.last_seen <= kRecent;
    if (lately) ++recent;
    if (!host.silent || lately) ++expected_hosts_;
  });
  return recent >= kLeastStorm && recent * 2 > expected_hosts_;
}

}  // namespace resmon::alert
