#include "alert/rule_set.h"

#include <fmt/format.h>

#include <algorithm>

namespace resmon::alert {

namespace {

constexpr const char* kRuleRemoved = "its rule was removed";
constexpr const char* kRuleOff = "its rule was switched off";
constexpr const char* kRuleChanged = "its rule was changed";

bool in_use(const Rule& rule) {
  return rule.enabled || std::any_of(rule.overrides.begin(), rule.overrides.end(),
                                     [](const Override& one) { return one.enabled.value_or(false); });
}

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

RuleSet::RuleSet(const Config& config) : config_(config) {
  for (std::uint32_t r = 0; r < config_.rules.size(); ++r) {
    const Rule& rule = config_.rules[r];
    marks_.push_back(rule_mark_of(rule));
    volatile_selection_ |= rule.hosts.volatile_answer();
    for (const Override& one : rule.overrides) volatile_selection_ |= one.hosts.volatile_answer();
    if (!in_use(rule)) continue;
    for (std::uint32_t o = 0; o < rule.when.operands.size(); ++o)
      if (const Operand& operand = rule.when.operands[o]; operand.function == Function::kLogs)
        log_operands_.push_back({r, o, &operand});
      else if (operand.function != Function::kSilent)
        by_measurement_[operand.selector.measurement].push_back({r, o});
    if (rule.about_silence()) about_silence_.push_back(r);
  }
}

std::uint32_t RuleSet::find(std::string_view name) const {
  const auto found =
      std::find_if(config_.rules.begin(), config_.rules.end(), [&](const Rule& one) { return one.name == name; });
  return found == config_.rules.end() ? kNoRule : static_cast<std::uint32_t>(found - config_.rules.begin());
}

const std::vector<RuleSet::Place>& RuleSet::reading(std::string_view measurement) const {
  static const std::vector<Place> kNone;
  const auto found = by_measurement_.find(measurement);
  return found == by_measurement_.end() ? kNone : found->second;
}

void RuleSet::select(const fleet::Host& host, std::vector<RuleOnHost>& selected) const {
  selected.resize(config_.rules.size());
  for (std::size_t r = 0; r < config_.rules.size(); ++r) {
    const Rule& rule = config_.rules[r];
    RuleOnHost& out = selected[r];
    const Comparison* const first = rule.when.comparisons.empty() ? nullptr : rule.when.comparisons.data();
    out.selected = rule.enabled && rule.hosts.matches(host);
    out.limit = first != nullptr ? first->limit : 0;
    out.clear = rule.clear_limit;
    out.wait = rule.wait.count();
    for (const Override& change : rule.overrides) {
      if (!change.hosts.matches(host)) continue;
      if (change.enabled) out.selected = *change.enabled && rule.hosts.matches(host);
      if (change.limit) out.limit = *change.limit;
      if (change.limit && !change.clear) out.clear.reset();
      if (change.clear) out.clear = *change.clear;
      if (change.wait) out.wait = change.wait->count();
    }
  }
}

std::vector<Heir> RuleSet::heirs_of(const RuleSet& before) const {
  std::vector<Heir> heirs(before.config_.rules.size());
  for (std::uint32_t old = 0; old < heirs.size(); ++old) {
    const Rule& was = before[old];
    Heir& heir = heirs[old];
    heir.reason = kRuleRemoved;
    const std::uint32_t now = find(was.name);
    if (now == kNoRule) continue;
    const Rule& rule = config_.rules[now];
    heir.unchanged = marks_[now] == before.marks_[old];
    const bool same = heir.unchanged || same_quantities(was.when, rule.when);
    heir.reason = !in_use(rule) ? kRuleOff : kRuleChanged;
    if (in_use(rule) && same) heir.rule = now;
  }
  return heirs;
}

Heir RuleSet::heir_of(const AlertRecord& kept) const {
  const std::uint32_t now = find(kept.rule);
  if (now == kNoRule) return {kNoRule, false, kRuleRemoved};
  const Rule& rule = config_.rules[now];
  if (!in_use(rule)) return {kNoRule, false, kRuleOff};
  if (marks_[now] == kept.rule_mark) return {now, true, nullptr};
  // Operands that only `clear` has come after those of `when`.
  Condition when = rule.when;
  const ParsedCondition asked = parse_condition(kept.when);
  when.operands.resize(std::min(when.operands.size(), asked.condition.operands.size()));
  if (!asked.ok || !same_quantities(asked.condition, when)) return {kNoRule, false, kRuleChanged};
  return {now, false, nullptr};
}

}  // namespace resmon::alert
