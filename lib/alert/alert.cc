#include "alert/alert.h"

#include <algorithm>

#include "alert/hosts.h"
#include "alert/rule_set.h"
#include "alert/series_tags.h"

namespace resmon::alert {

std::string_view state_name(AlertState state) {
  switch (state) {
    case AlertState::kOk:
      return "ok";
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
  }
  return "ok";
}

std::string AlertRecord::key() const {
  return key_of(rule, host, tags);
}

void Alert::begin_anew() {
  clear_since = 0;
  if (state != AlertState::kPending) return;
  state = AlertState::kOk;
  since = 0;
}

namespace {

std::vector<std::string> channels_of_end(const Alert& alert, const Rule& rule, const Config& config) {
  std::vector<std::string> out = rule.notify ? *rule.notify : config.notify;
  // Whom an escalation called is told of the end.
  if (alert.escalated)
    for (const std::string& name : rule.escalate)
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  return out;
}

}  // namespace

AlertRecord record_of(const Alert& alert, const RuleSet& rules) {
  const Rule& rule = rules[alert.rule];
  AlertRecord out;
  out.rule = rule.name;
  out.host = alert.host->shown_name();
  out.tags = alert.tags;
  out.state = alert.state;
  out.since = alert.since;
  out.fired = alert.fired;
  out.ended = alert.ended;
  out.comparison = alert.comparison;
  out.value = alert.value;
  const Comparison& shown = rule.when.comparisons[alert.comparison];
  if (shown.is_text && alert.tracks[shown.operand]) out.value_text = alert.tracks[shown.operand]->text();
  out.limit = alert.comparison == 0 ? limit_of(alert) : shown.limit;
  out.notified = alert.notified;
  out.notified_at = alert.notified_at;
  out.first_notified_at = alert.first_notified_at;
  out.escalated = alert.escalated;
  if (alert.acknowledged) {
    out.acknowledged_by = alert.acknowledged->by;
    out.acknowledged_at = alert.acknowledged->at;
  }
  if (alert.end_reason) out.reason = *alert.end_reason;
  out.evaluated = alert.evaluated;
  out.gap = alert.gap;
  out.clear_since = alert.clear_since;
  out.rule_mark = rules.mark(alert.rule);
  out.when = rule.when.text;
  out.severity = rule.severity;
  out.channels = channels_of_end(alert, rule, rules.config());
  return out;
}

void restore_alert(Alert& alert, const AlertRecord& kept, const Rule& rule) {
  alert.state = kept.state;
  alert.since = kept.since;
  alert.fired = kept.fired;
  alert.ended = kept.ended;
  alert.evaluated = kept.evaluated;
  alert.gap = kept.gap;
  alert.clear_since = kept.clear_since;
  if (kept.comparison < rule.when.comparisons.size()) alert.comparison = kept.comparison;
  alert.value = kept.value;
  alert.notified = kept.notified;
  alert.notified_at = kept.notified_at;
  alert.first_notified_at = kept.first_notified_at;
  alert.escalated = kept.escalated;
  if (!kept.reason.empty()) alert.end_reason = std::make_unique<std::string>(kept.reason);
  if (!kept.acknowledged_by.empty())
    alert.acknowledged = std::make_unique<Acknowledgement>(Acknowledgement{kept.acknowledged_by, kept.acknowledged_at});
}

}  // namespace resmon::alert
