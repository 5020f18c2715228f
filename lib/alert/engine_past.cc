// State from before the start: stored alerts, and the values that windows and forecasts need.

#include <fmt/format.h>

#include <algorithm>

#include "alert/engine_host.h"

namespace resmon::alert {

namespace {

constexpr std::uint32_t kNoRule = UINT32_MAX;
constexpr const char* kRuleRemoved = "its rule was removed";
constexpr const char* kRuleOff = "its rule was switched off";
constexpr const char* kRuleChanged = "its rule was changed";
constexpr const char* kNotCovered = "the rule no longer covers it";

struct RuleMark {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  void add(std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    hash = (hash ^ 0xffU) * 1099511628211ULL;
  }
  void add(double number) { add(fmt::format("{}", number)); }
  void add(std::int64_t number) { add(fmt::format("{}", number)); }
  template <class Number>
  void add(const std::optional<Number>& number) {
    if (number)
      add(*number);
    else
      add(std::string_view("-"));
  }
};

}  // namespace

std::uint64_t rule_mark_of(const Rule& rule) {
  RuleMark out;
  const auto count = [](const std::optional<std::chrono::nanoseconds>& span) {
    return span ? std::optional<std::int64_t>(span->count()) : std::nullopt;
  };
  out.add(std::string_view(rule.when.text));
  out.add(rule.clear_limit);
  out.add(std::string_view(rule.clear ? rule.clear->text : ""));
  out.add(std::string_view(rule.hosts.text()));
  out.add(count(rule.wait));
  out.add(count(rule.clear_wait));
  for (const Override& one : rule.overrides) {
    out.add(std::string_view(one.hosts.text()));
    out.add(one.limit);
    out.add(one.clear);
    out.add(count(one.wait));
    out.add(one.enabled ? std::optional<std::int64_t>(*one.enabled ? 1 : 0) : std::nullopt);
  }
  return out.hash;
}

bool same_quantities(const Condition& a, const Condition& b) {
  const auto same_comparison = [](const Comparison& x, const Comparison& y) {
    return x.operand == y.operand && x.divisor == y.divisor && x.compare == y.compare && x.is_text == y.is_text;
  };
  const auto same_node = [](const ConditionNode& x, const ConditionNode& y) {
    return x.kind == y.kind && x.left == y.left && x.right == y.right;
  };
  return a.operands == b.operands &&
         std::equal(a.comparisons.begin(), a.comparisons.end(), b.comparisons.begin(), b.comparisons.end(),
                    same_comparison) &&
         std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(), same_node);
}

void Engine::bury(AlertRecord record, UnixNanos now, const std::string& reason) {
  if (record.state == AlertState::kFiring) {
    record.state = AlertState::kOk;
    record.ended = now;
    record.reason = reason;
    transitions_.push_back({record, AlertState::kFiring, now, false, reason});
  }
  if (record.state == AlertState::kOk && record.notified) departed_.push_back(std::move(record));
}

// Of an alert whose rule changed: what is pending waits for the whole `for`, and what fires is judged by the new rule.
void Engine::begin_anew(Alert& alert) {
  alert.clear_since = 0;
  if (alert.state != AlertState::kPending) return;
  alert.state = AlertState::kOk;
  alert.since = 0;
}

void Engine::restore(const std::vector<AlertRecord>& records, UnixNanos now) {
  for (const AlertRecord& kept : records) {
    const auto rule = std::find_if(config_.rules.begin(), config_.rules.end(),
                                   [&](const Rule& one) { return one.name == kept.rule; });
    if (rule == config_.rules.end() || !used(*rule)) {
      bury(kept, now, rule == config_.rules.end() ? kRuleRemoved : kRuleOff);
      continue;
    }
    const auto number = static_cast<std::uint32_t>(rule - config_.rules.begin());
    const bool unchanged = rule_marks_[number] == kept.rule_mark;
    if (!unchanged) {
      // Operands that only `clear` has come after those of `when`.
      Condition now_asked = rule->when;
      const ParsedCondition asked = parse_condition(kept.when);
      now_asked.operands.resize(std::min(now_asked.operands.size(), asked.condition.operands.size()));
      if (!asked.ok || !same_quantities(asked.condition, now_asked)) {
        bury(kept, now, kRuleChanged);
        continue;
      }
    }
    const bool server = kept.host.empty();
    Host& host = this->host(server ? tag_of(kept.tags, "server") : std::string_view(kept.host), server);
    Alert* const alert = alert_of(host, number, kept.tags);
    if (alert == nullptr) continue;
    alert->state = kept.state;
    alert->since = kept.since;
    alert->fired = kept.fired;
    alert->ended = kept.ended;
    alert->evaluated = kept.evaluated;
    alert->gap = kept.gap;
    alert->clear_since = kept.clear_since;
    if (kept.comparison < rule->when.comparisons.size()) alert->comparison = kept.comparison;
    alert->value = kept.value;
    alert->notified = kept.notified;
    alert->notified_at = kept.notified_at;
    alert->first_notified_at = kept.first_notified_at;
    alert->escalated = kept.escalated;
    if (!kept.reason.empty()) alert->end_reason = std::make_unique<std::string>(kept.reason);
    if (!kept.acknowledged_by.empty())
      alert->acknowledged =
          std::make_unique<Acknowledgement>(Acknowledgement{kept.acknowledged_by, kept.acknowledged_at});
    for (std::uint32_t o = 0; o < rule->when.operands.size(); ++o) {
      const Operand& operand = rule->when.operands[o];
      // That the series took another's place is why it fires.
      if (operand.function == Function::kReplaced && kept.state != AlertState::kOk)
        host.others[key_of(std::to_string(alert->rule), std::to_string(o), without(kept.tags, operand.tag))] =
            kept.since - 1;
    }
    activate(*alert);
    if (!unchanged) begin_anew(*alert);
  }
}

// The rule here that goes on with what a rule of another engine knew; kNoRule: none, for a reason.
struct Engine::Heir {
  std::uint32_t rule = kNoRule;
  bool unchanged = false;
  const char* reason = kRuleRemoved;
};

std::vector<Engine::Heir> Engine::heirs_of(const Engine& before) const {
  std::vector<Heir> heirs(before.config_.rules.size());
  for (std::size_t old = 0; old < heirs.size(); ++old) {
    const Rule& was = before.config_.rules[old];
    Heir& heir = heirs[old];
    for (std::uint32_t r = 0; r < config_.rules.size(); ++r) {
      if (config_.rules[r].name != was.name) continue;
      heir.unchanged = rule_marks_[r] == before.rule_marks_[old];
      const bool same = heir.unchanged || same_quantities(was.when, config_.rules[r].when);
      heir.reason = !used(config_.rules[r]) ? kRuleOff : kRuleChanged;
      if (used(config_.rules[r]) && same) heir.rule = r;
    }
  }
  return heirs;
}

void Engine::take_over(Engine& before, UnixNanos now) {
  const std::vector<Heir> heirs = heirs_of(before);
  transitions_ = std::move(before.transitions_);
  notices_ = std::move(before.notices_);
  departed_ = std::move(before.departed_);
  for (const Alert* const alert : before.active_)
    if (const Heir& heir = heirs[alert->rule]; heir.rule == kNoRule) bury(before.record(*alert), now, heir.reason);
  std::erase_if(before.active_, [&](const Alert* alert) { return heirs[alert->rule].rule == kNoRule; });
  active_ = std::move(before.active_);
  take_over_hosts(before, heirs);
  take_over_alerts(before, heirs);
  // end() appends to active_ only what is not in it.
  for (Alert* const alert : active_) {
    const Host& host = *static_cast<const Host*>(alert->host);
    if (alert->state != AlertState::kOk && !host.rules[alert->rule].selected && (host.in_fleet || host.is_server))
      end(*alert, now, false, kNotCovered);
  }
  grace_from_ = before.grace_from_;
  last_tick_ = before.last_tick_;
  swept_ = before.swept_;
  storm_since_ = before.storm_since_;
  silent_hosts_ = before.silent_hosts_;
  expected_hosts_ = before.expected_hosts_;
  evaluations_ = before.evaluations_;
  refused_ = before.refused_;
  late_rows_ = before.late_rows_;
}

void Engine::take_over_hosts(Engine& before, const std::vector<Heir>& heirs) {
  hosts_ = std::move(before.hosts_);
  for (const auto& [name, host] : hosts_) {
    select_rules(*host);
    std::erase_if(host->alerts, [&](const Alert* alert) { return heirs[alert->rule].rule == kNoRule; });
    std::erase_if(host->sides, [&](const Host::Side& side) { return heirs[side.rule].rule == kNoRule; });
    for (Host::Side& side : host->sides) {
      side.rule = heirs[side.rule].rule;
      side.track->follow(config_.rules[side.rule].when.operands[side.operand]);
    }
    // Their keys begin with the rule's number.
    for (auto& [key, newest] : std::exchange(host->others, {})) {
      const std::size_t end = key.find('\0');
      const Heir& heir = heirs[std::stoul(key.substr(0, end))];
      if (heir.rule != kNoRule) host->others[std::to_string(heir.rule) + key.substr(end)] = newest;
    }
  }
}

void Engine::take_over_alerts(Engine& before, const std::vector<Heir>& heirs) {
  while (!before.alerts_.empty()) {
    auto node = before.alerts_.extract(before.alerts_.begin());
    Alert& alert = *node.value();
    const Heir& heir = heirs[alert.rule];
    if (heir.rule == kNoRule) continue;
    alert.rule = heir.rule;
    const std::vector<Operand>& operands = config_.rules[alert.rule].when.operands;
    for (std::size_t o = 0; o < operands.size(); ++o)
      if (alert.tracks[o]) alert.tracks[o]->follow(operands[o]);
    if (!heir.unchanged) begin_anew(alert);
    alerts_.insert(std::move(node));
  }
}

// Every track that follows this field of this series.
template <class Visit>
void Engine::each_track(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& all,
                        const Visit& visit) {
  const std::string_view name = tag_of(all, "host");
  const std::string_view server = tag_of(all, "server");
  const auto found = by_measurement_.find(measurement);
  if ((name.empty() && server.empty()) || found == by_measurement_.end()) return;
  const std::vector<metric::Tag> tags = without(all, "host");
  Host& host = this->host(name.empty() ? server : name, name.empty());
  for (const auto& [rule, which] : found->second) {
    const Condition& when = config_.rules[rule].when;
    const Operand& operand = when.operands[which];
    if (operand.field != field || !operand.selector.matches(tags)) continue;
    if (operand.selector != when.operands[0].selector) {
      visit(operand, host.side(rule, which, operand, series_key(tags)));
      continue;
    }
    Alert* const alert = alert_of(host, rule, tags);
    if (alert == nullptr) continue;
    if (!alert->tracks[which]) alert->tracks[which] = std::make_unique<Track>(operand);
    visit(operand, *alert->tracks[which]);
  }
}

void Engine::seed(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                  UnixNanos hour, double mean) {
  each_track(measurement, field, tags, [&](const Operand& operand, Track& track) {
    if (operand.function == Function::kForecast) track.seed(hour, mean);
  });
}

void Engine::seed_window(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                         UnixNanos time, double value) {
  each_track(measurement, field, tags, [&](const Operand& operand, Track& track) {
    if (operand.window.count() > 0 && operand.function != Function::kForecast) track.add(time, value);
  });
}

}  // namespace resmon::alert
