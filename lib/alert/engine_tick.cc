// Changes of state without a row: a host is silent, a series is gone.

#include <algorithm>

#include "alert/engine.h"

namespace resmon::alert {

namespace {

constexpr std::int64_t kStale = 120LL * 1'000'000'000;
constexpr std::int64_t kSweepEvery = 600LL * 1'000'000'000;

}  // namespace

void Engine::tick(UnixNanos now, const std::vector<fleet::Host>& hosts) {
  silence_.begin(now);
  for (HostState* const gone : hosts_.update(hosts, silence_.grace(now)))
    lifecycle_.end_all(*gone, now, "the host was removed from the list");
  const bool storm = silence_.look(hosts_, now);
  hosts_.each([&](HostState& host) {
    if (!host.is_server && host.in_fleet)
      for (const std::uint32_t rule : rules_.about_silence()) lifecycle_.evaluate_silence(host, rule, now, storm);
    lifecycle_.notice_late(host);
  });
  end_stale(now);
  if (now - swept_ >= kSweepEvery) forget_unused(now);
}

// A series that its host no longer reports: a file system that was unmounted, a container that is gone. Rules about
// absence are looked at here, because no row of theirs comes.
void Engine::end_stale(UnixNanos now) {
  const auto about_absence = [&](const Alert& alert) {
    return rules_[alert.rule].when.operands[0].function == Function::kAbsent;
  };
  hosts_.each([&](HostState& host) {
    if (host.silent || host.unheard) return;
    for (Alert* const alert : host.alerts)
      if (about_absence(*alert) && alert->tracks[0]) lifecycle_.evaluate(*alert, host.newest, false);
  });
  // A copy: end() may list an alert.
  for (Alert* const alert : std::vector<Alert*>(alerts_.active())) {
    const HostState& host = *alert->host;
    if (alert->state == AlertState::kOk || host.silent || host.unheard || rules_[alert->rule].about_silence() ||
        about_absence(*alert))
      continue;
    if (alert->time == 0) alert->time = std::max(host.newest, now - kStale);  // brought back from before the start
    if (host.newest - alert->time > std::max({kStale, 5 * alert->gap, 5 * host.interval()}))
      lifecycle_.end(*alert, std::max(alert->evaluated, alert->fired), false, "its series is no longer reported");
  }
}

// Series that came and went.
void Engine::forget_unused(UnixNanos now) {
  swept_ = now;
  alerts_.settle();
  std::size_t forgotten = 0;
  hosts_.each([&](HostState& host) { forgotten += alerts_.forget_unused(host, now); });
  forgotten += hosts_.forget_unused(now);
  if (forgotten > 0) plans_.clear();
}

}  // namespace resmon::alert
