#include "alert/judge.h"

#include <cmath>

#include "alert/hosts.h"

namespace resmon::alert {

namespace {

constexpr double kLeastDivisor = 1e-300;

}  // namespace

std::optional<double> Judge::value_of(const Alert& alert, std::uint32_t operand, const Track& track) const {
  switch (rules_[alert.rule].when.operands[operand].function) {
    case Function::kAbsent:
      return track.time() == 0 ? std::nullopt
                               : std::optional(static_cast<double>(alert.host->newest - track.time()) / 1e9);
    case Function::kReplaced:
      return track.time() == 0 ? std::nullopt : std::optional(alert.replaced ? 1.0 : 0.0);
    default:
      return track.value();
  }
}

Truth Judge::compare(const Alert& alert, const Comparison& comparison, const Track& track, const Track* divisor,
                     double limit) const {
  if (comparison.is_text) {
    if (!track.has_text()) return Truth::kUnknown;
    return (track.text() == comparison.text) == (comparison.compare == Compare::kEqual) ? Truth::kTrue : Truth::kFalse;
  }
  auto value = track.has_text() ? std::nullopt : value_of(alert, comparison.operand, track);
  if (value && comparison.divisor >= 0) {
    const auto by =
        divisor == nullptr ? std::nullopt : value_of(alert, static_cast<std::uint32_t>(comparison.divisor), *divisor);
    if (!by || std::abs(*by) < kLeastDivisor) return Truth::kUnknown;
    value = *value / *by;
  }
  if (!value) return Truth::kUnknown;
  return compares(comparison.compare, *value, limit) ? Truth::kTrue : Truth::kFalse;
}

Truth Judge::compare(const Alert& alert, const Comparison& comparison, double limit) const {
  const Condition& when = rules_[alert.rule].when;
  if (when.operands[comparison.operand].selector != when.operands[0].selector)
    return compare_sides(alert, comparison, limit);
  const auto track_of = [&](std::int32_t operand) -> const Track* {
    return operand < 0 ? nullptr : alert.tracks[static_cast<std::size_t>(operand)].get();
  };
  const Track* const track = track_of(static_cast<std::int32_t>(comparison.operand));
  return track == nullptr ? Truth::kUnknown : compare(alert, comparison, *track, track_of(comparison.divisor), limit);
}

// For another series than the alert's own, any series of the host counts.
Truth Judge::compare_sides(const Alert& alert, const Comparison& comparison, double limit) const {
  Truth out = Truth::kUnknown;
  const std::vector<HostState::Side>& sides = alert.host->sides;
  for (const HostState::Side& side : sides) {
    if (side.rule != alert.rule || side.operand != comparison.operand) continue;
    const Track* divisor = nullptr;
    for (const HostState::Side& other : sides)
      if (comparison.divisor >= 0 && other.rule == alert.rule &&
          other.operand == static_cast<std::uint32_t>(comparison.divisor) && other.series == side.series)
        divisor = other.track.get();
    const Truth one = compare(alert, comparison, *side.track, divisor, limit);
    if (one == Truth::kTrue) return one;
    if (one == Truth::kFalse) out = one;
  }
  return out;
}

Truth Judge::truth(const Alert& alert, const Condition& condition, std::optional<double> first_limit) const {
  Truth values[kMostComparisons * 2];
  for (std::size_t i = 0; i < condition.nodes.size(); ++i) {
    const ConditionNode& node = condition.nodes[i];
    if (node.kind == ConditionNode::Kind::kComparison) {
      const Comparison& one = condition.comparisons[node.left];
      values[i] = compare(alert, one, node.left == 0 && first_limit ? *first_limit : one.limit);
      continue;
    }
    const Truth left = values[node.left], right = values[node.right];
    const Truth decides = node.kind == ConditionNode::Kind::kAnd ? Truth::kFalse : Truth::kTrue;
    const Truth otherwise = node.kind == ConditionNode::Kind::kAnd ? Truth::kTrue : Truth::kFalse;
    values[i] = left == decides || right == decides                   ? decides
                : left == Truth::kUnknown || right == Truth::kUnknown ? Truth::kUnknown
                                                                      : otherwise;
  }
  return condition.nodes.empty() ? Truth::kUnknown : values[condition.nodes.size() - 1];
}

Truth Judge::holds(const Alert& alert) const {
  return truth(alert, rules_[alert.rule].when, limit_of(alert));
}

Truth Judge::cleared(const Alert& alert) const {
  const Rule& rule = rules_[alert.rule];
  const RuleOnHost& here = alert.host->rules[alert.rule];
  if (rule.clear) return truth(alert, *rule.clear, std::nullopt);
  // What is written as `clear = 85` means "no longer above 85".
  switch (truth(alert, rule.when, here.clear ? *here.clear : here.limit)) {
    case Truth::kTrue:
      return Truth::kFalse;
    case Truth::kFalse:
      return Truth::kTrue;
    default:
      return Truth::kUnknown;
  }
}

std::uint32_t Judge::first_true(const Alert& alert) const {
  const Condition& when = rules_[alert.rule].when;
  for (std::uint32_t i = 0; i < when.comparisons.size(); ++i) {
    const Comparison& one = when.comparisons[i];
    if (alert.tracks[one.operand] == nullptr) continue;
    if (compare(alert, one, i == 0 ? limit_of(alert) : one.limit) == Truth::kTrue) return i;
  }
  return 0;
}

std::optional<double> Judge::shown_value(const Alert& alert) const {
  const Comparison& shown = rules_[alert.rule].when.comparisons[alert.comparison];
  const Track* const track = alert.tracks[shown.operand].get();
  if (track == nullptr || shown.is_text) return std::nullopt;
  auto value = value_of(alert, shown.operand, *track);
  if (value && shown.divisor >= 0) {
    const Track* const by = alert.tracks[static_cast<std::size_t>(shown.divisor)].get();
    const auto divisor = by == nullptr ? std::nullopt : by->value();
    value = divisor && std::abs(*divisor) > kLeastDivisor ? std::optional(*value / *divisor) : std::nullopt;
  }
  return value;
}

}  // namespace resmon::alert
