// Changes of state without a row: a host is silent, a series is gone.

#include <fmt/format.h>

#include <algorithm>

#include "alert/engine_host.h"
#include "influxql/parse/time_text.h"

namespace resmon::alert {

namespace {

constexpr std::int64_t kOneSecond = 1'000'000'000;
constexpr std::int64_t kGrace = 120 * kOneSecond;        // after a start, for hosts not heard of since
constexpr std::int64_t kPause = 30 * kOneSecond;         // between ticks: the process did not run
constexpr std::int64_t kRecent = 600 * kOneSecond;       // fell silent together
constexpr std::int64_t kStormSettles = 10 * kOneSecond;  // until all of them are seen
constexpr std::size_t kLeastStorm = 5;
constexpr std::int64_t kStale = 120 * kOneSecond;
constexpr std::int64_t kSweepEvery = 600 * kOneSecond;
constexpr std::int64_t kForget = 3600 * kOneSecond;

std::string clock_text(UnixNanos time) {
  std::string text;
  influxql::append_rfc3339(text, time / kOneSecond * kOneSecond, nullptr);
  return text;
}

}  // namespace

void Engine::tick(UnixNanos now, const std::vector<fleet::Host>& hosts) {
  if (last_tick_ == 0 || now - last_tick_ > kPause) grace_from_ = now;
  last_tick_ = now;
  look_at_hosts(hosts, now);
  const bool storm = count_silence(now);
  storm_since_ = !storm ? 0 : storm_since_ == 0 ? now : storm_since_;
  const bool together = storm_since_ != 0 && now - storm_since_ >= kStormSettles;
  for (const auto& [name, host] : hosts_) {
    if (!host->is_server && host->in_fleet)
      for (const std::size_t rule : silence_rules_) evaluate_silence(*host, rule, now, together);
    if (host->late_count > 0 && host->late_over) {
      notices_.push_back(
          fmt::format("{}: {} changes between {} and {} came late: they are in the history and no message was sent",
                      host->view.name, host->late_count, clock_text(host->late_from), clock_text(host->late_to)));
      host->late_count = 0;
    }
  }
  resolve_stale(now);
  if (now - swept_ >= kSweepEvery) forget_unused(now);
}

// Takes over what the fleet knows. A host that was taken off the list has no alerts any more.
void Engine::look_at_hosts(const std::vector<fleet::Host>& hosts, UnixNanos now) {
  const bool any_volatile = std::any_of(config_.rules.begin(), config_.rules.end(), [](const Rule& rule) {
    return rule.hosts.volatile_answer() || std::any_of(rule.overrides.begin(), rule.overrides.end(),
                                                       [](const Override& one) { return one.hosts.volatile_answer(); });
  });
  for (const auto& [name, host] : hosts_) host->listed = false;
  for (const fleet::Host& view : hosts) {
    Host& host = this->host(view.name, false);
    host.listed = true;
    const bool is_new = !std::exchange(host.in_fleet, true);
    const bool changed = is_new || host.view.tags != view.tags || host.view.address != view.address ||
                         host.view.software != view.software || host.view.settings != view.settings;
    if (host.view.version == view.version && !changed) {
      host.view.state = view.state;
      host.view.last_seen = view.last_seen;
    } else {
      host.view = view;
    }
    if (changed || any_volatile) select_rules(host);
  }
  for (const auto& [name, host] : hosts_) {
    if (host->is_server || host->listed) continue;
    // Of one that was removed while the server did not run, only what was kept is there.
    if (!host->in_fleet && (host->newest != 0 || now - grace_from_ < kGrace)) continue;
    host->in_fleet = false;
    end_all(*host, now, "the host was removed from the list");
  }
}

void Engine::end_all(Host& host, UnixNanos now, const std::string& reason) {
  for (Alert* const alert : host.alerts)
    if (alert->state != AlertState::kOk) end(*alert, now, false, reason);
}

// True: most hosts fell silent within a few minutes.
bool Engine::count_silence(UnixNanos now) {
  silent_hosts_ = 0;
  expected_hosts_ = 0;
  std::size_t recent = 0;
  const bool grace = now - grace_from_ < kGrace;
  for (const auto& [name, host] : hosts_) {
    if (host->is_server || !host->in_fleet) continue;
    host->unheard = grace && host->view.last_seen < grace_from_;
    host->silent = host->view.state == fleet::State::kDown && !host->unheard;
    const bool lately = host->silent && now - host->view.last_seen <= kRecent;
    if (host->silent) ++silent_hosts_;
    if (lately) ++recent;
    if (!host->silent || lately) ++expected_hosts_;
  }
  return recent >= kLeastStorm && recent * 2 > expected_hosts_;
}

void Engine::evaluate_silence(Host& host, std::size_t rule, UnixNanos now, bool storm) {
  const RuleOnHost& here = host.rules[rule];
  Alert* alert = nullptr;
  const std::string_view name = config_.rules[rule].name;
  if (!host.silent) {  // most of them, most of the time: nothing is made for them
    alert = find(name, host.view.name, {});
    if (alert == nullptr || alert->state == AlertState::kOk || host.unheard) return;
  } else {
    alert = alert_of(host, static_cast<std::uint32_t>(rule), {});
    if (alert == nullptr) return;
  }
  ++evaluations_;
  const std::int64_t silence = now - host.view.last_seen;
  alert->time = now;
  if (!here.selected) {
    if (alert->state != AlertState::kOk) end(*alert, now, false, "the rule no longer covers it");
    return;
  }
  if (host.silent) {
    alert->value = static_cast<double>(silence) / 1e9;
    alert->clear_since = 0;
    alert->fresh = true;
    if (alert->state == AlertState::kFiring) return;
    alert->since = host.view.last_seen;
    if (silence >= here.wait || storm)
      change(*alert, AlertState::kFiring, now, false);
    else if (alert->state == AlertState::kOk)
      change(*alert, AlertState::kPending, now, false);
  } else if (alert->state == AlertState::kPending) {
    change(*alert, AlertState::kOk, now, false);
  } else {
    if (alert->clear_since == 0) alert->clear_since = now;
    if (now - alert->clear_since >= config_.rules[rule].clear_wait.count()) end(*alert, now, false, {});
  }
}

// A series that its host no longer reports: a file system that was unmounted, a container that is gone. Rules about
// absence are looked at here, because no row of theirs comes.
void Engine::resolve_stale(UnixNanos now) {
  for (const auto& [name, host] : hosts_) {
    if (host->silent || host->unheard) continue;
    for (Alert* const alert : host->alerts) {
      const Rule& rule = config_.rules[alert->rule];
      if (rule.when.operands[0].function == Function::kAbsent && alert->tracks[0])
        evaluate(*alert, host->newest, false);
    }
  }
  // end() appends to active_ only what is not in it.
  for (Alert* const alert : std::vector<Alert*>(active_)) {
    const Host& host = *static_cast<const Host*>(alert->host);
    const Rule& rule = config_.rules[alert->rule];
    if (alert->state == AlertState::kOk || host.silent || host.unheard || rule.about_silence() ||
        rule.when.operands[0].function == Function::kAbsent)
      continue;
    if (alert->time == 0) alert->time = std::max(host.newest, now - kStale);  // brought back from before the start
    if (host.newest - alert->time > std::max({kStale, 5 * alert->gap, 5 * host.interval()}))
      end(*alert, std::max(alert->evaluated, alert->fired), false, "its series is no longer reported");
  }
}

// Series that came and went. Plans point at them, so all plans are made again.
void Engine::forget_unused(UnixNanos now) {
  swept_ = now;
  settle();
  std::size_t forgotten = 0;
  for (auto it = hosts_.begin(); it != hosts_.end();) {
    Host& host = *it->second;
    for (Alert*& alert : host.alerts) {
      if (alert->listed || now - std::max(alert->time, alert->evaluated) < kForget) continue;
      alerts_.erase(alerts_.find(AlertKey{alert->rule, alert->host, &alert->tags.items()}));
      alert = nullptr;
      ++forgotten;
    }
    std::erase(host.alerts, nullptr);
    forgotten +=
        std::erase_if(host.sides, [&](const Host::Side& one) { return host.newest - one.track->time() > kForget; });
    forgotten += std::erase_if(host.others, [&](const auto& one) { return host.newest - one.second > 24 * kForget; });
    const bool gone = !host.in_fleet && host.alerts.empty() && now - host.newest > kForget;
    if (gone) ++forgotten;
    it = gone ? hosts_.erase(it) : std::next(it);
  }
  if (forgotten > 0) plans_.clear();
}

}  // namespace resmon::alert
