#include "alert/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "alert/hosts.h"
#include "influxql/parse/time_text.h"

namespace resmon::alert {

namespace {

constexpr const char* kNotCovered = "the rule no longer covers it";

std::string clock_text(UnixNanos time) {
  constexpr std::int64_t kSecondOfClock = 1'000'000'000;
  std::string text;
  influxql::append_rfc3339(text, time / kSecondOfClock * kSecondOfClock, nullptr);
  return text;
}

}  // namespace

void Lifecycle::evaluate(Alert& alert, UnixNanos time, bool late) {
  ++evaluations_;
  const HostState& host = *alert.host;
  const RuleOnHost& here = host.rules[alert.rule];
  if (!here.selected) {
    if (host.selection_known() && alert.state != AlertState::kOk) end(alert, time, late, kNotCovered);
    return;
  }
  const UnixNanos before = std::exchange(alert.evaluated, time);
  const Truth now = judge_.holds(alert);
  if (now == Truth::kFalse && alert.state == AlertState::kOk) {
    if (alert.notified && !late) alert.fresh = true;
    return;
  }
  if (now == Truth::kUnknown && alert.state != AlertState::kFiring) return;
  if (now == Truth::kTrue) alert.comparison = judge_.first_true(alert);
  if (const auto value = judge_.shown_value(alert)) alert.value = *value;
  switch (alert.state) {
    case AlertState::kPending:
      evaluate_pending(alert, now, time, before, late);
      break;
    case AlertState::kOk:
      alert.since = time;
      change(alert, here.wait == 0 ? AlertState::kFiring : AlertState::kPending, time, late);
      break;
    case AlertState::kFiring:
      evaluate_firing(alert, time, late);
      break;
  }
}

void Lifecycle::evaluate_pending(Alert& alert, Truth now, UnixNanos time, UnixNanos before, bool late) {
  if (now == Truth::kFalse) {
    change(alert, AlertState::kOk, time, late);
    return;
  }
  // Without samples the state in between is unknown: `for` begins again. The gap that this row ended says nothing of
  // what is usual.
  const std::int64_t usual = alert.gap_before != 0 ? alert.gap_before : alert.gap;
  if (time - before > std::max(kLateAfter, 3 * alert.host->interval() + 3 * usual)) alert.since = time;
  if (time - alert.since >= alert.host->rules[alert.rule].wait) change(alert, AlertState::kFiring, time, late);
}

void Lifecycle::evaluate_firing(Alert& alert, UnixNanos time, bool late) {
  if (!late) alert.fresh = true;
  if (judge_.cleared(alert) != Truth::kTrue) {
    alert.clear_since = 0;
    return;
  }
  if (alert.clear_since == 0) alert.clear_since = time;
  if (time - alert.clear_since >= rules_[alert.rule].clear_wait.count()) end(alert, time, late, {});
}

void Lifecycle::evaluate_silence(HostState& host, std::uint32_t rule, UnixNanos now, bool storm) {
  static const std::vector<metric::Tag> kNoTags;
  Alert* alert = nullptr;
  if (!host.silent) {  // most of them, most of the time: nothing is made for them
    alert = alerts_.find(host, rule, kNoTags);
    if (alert == nullptr || alert->state == AlertState::kOk || host.unheard) return;
  } else {
    alert = alerts_.get(host, rule, kNoTags);
    if (alert == nullptr) return;
  }
  ++evaluations_;
  alert->time = now;
  if (!host.rules[rule].selected) {
    if (alert->state != AlertState::kOk) end(*alert, now, false, kNotCovered);
    return;
  }
  if (host.silent)
    silent_on(*alert, now - host.view.last_seen, now, storm);
  else
    heard_again(*alert, now);
}

void Lifecycle::silent_on(Alert& alert, std::int64_t silence, UnixNanos now, bool storm) {
  alert.value = static_cast<double>(silence) / 1e9;
  alert.clear_since = 0;
  alert.fresh = true;
  if (alert.state == AlertState::kFiring) return;
  alert.since = alert.host->view.last_seen;
  if (silence >= alert.host->rules[alert.rule].wait || storm)
    change(alert, AlertState::kFiring, now, false);
  else if (alert.state == AlertState::kOk)
    change(alert, AlertState::kPending, now, false);
}

void Lifecycle::heard_again(Alert& alert, UnixNanos now) {
  if (alert.state == AlertState::kPending) {
    change(alert, AlertState::kOk, now, false);
    return;
  }
  if (alert.clear_since == 0) alert.clear_since = now;
  if (now - alert.clear_since >= rules_[alert.rule].clear_wait.count()) end(alert, now, false, {});
}

void Lifecycle::end(Alert& alert, UnixNanos time, bool late, std::string reason) {
  change(alert, AlertState::kOk, time, late, std::move(reason));
}

void Lifecycle::end_all(HostState& host, UnixNanos now, const std::string& reason) {
  for (Alert* const alert : host.alerts)
    if (alert->state != AlertState::kOk) end(*alert, now, false, reason);
}

void Lifecycle::end_uncovered(UnixNanos now) {
  // end() appends to the list only what is not in it.
  for (Alert* const alert : alerts_.active()) {
    const HostState& host = *alert->host;
    if (alert->state != AlertState::kOk && !host.rules[alert->rule].selected && host.selection_known())
      end(*alert, now, false, kNotCovered);
  }
}

void Lifecycle::change(Alert& alert, AlertState to, UnixNanos time, bool late, std::string reason) {
  const AlertState from = std::exchange(alert.state, to);
  alerts_.activate(alert);
  if (to == AlertState::kPending) return;
  if (to == AlertState::kOk && from != AlertState::kFiring) return;
  alert.fresh = !late;
  alert.clear_since = 0;
  alert.end_reason.reset();
  if (to == AlertState::kFiring) {
    alert.fired = time;
    alert.ended = 0;
    if (!alert.notified) {
      alert.acknowledged.reset();
      alert.escalated = false;
      alert.first_notified_at = 0;
    }
  } else {
    alert.ended = time;
    if (!reason.empty()) alert.end_reason = std::make_unique<std::string>(reason);
  }
  transitions_.push_back({record_of(alert, rules_), from, time, late, std::move(reason)});
  if (!late) return;
  HostState& host = *alert.host;
  if (host.late_count++ == 0) host.late_from = time;
  host.late_to = time;
  host.late_over = false;
}

void Lifecycle::bury(AlertRecord record, UnixNanos now, const std::string& reason) {
  if (record.state == AlertState::kFiring) {
    record.state = AlertState::kOk;
    record.ended = now;
    record.reason = reason;
    transitions_.push_back({record, AlertState::kFiring, now, false, reason});
  }
  if (record.state == AlertState::kOk && record.notified) departed_.push_back(std::move(record));
}

void Lifecycle::notice_late(HostState& host) {
  if (host.late_count == 0 || !host.late_over) return;
  notices_.push_back(
      fmt::format("{}: {} changes between {} and {} came late: they are in the history and no message was sent",
                  host.view.name, host.late_count, clock_text(host.late_from), clock_text(host.late_to)));
  host.late_count = 0;
}

void Lifecycle::take_over(Lifecycle& before) {
  transitions_ = std::move(before.transitions_);
  notices_ = std::move(before.notices_);
  departed_ = std::move(before.departed_);
  evaluations_ = before.evaluations_;
}

}  // namespace resmon::alert
