#include "rule/stats.h"

namespace resmon::rule {

namespace {

using From = const RuleStats;
using metric::StatKind;

constexpr metric::Stat<RuleStats> kRuleStats[] = {
    {StatKind::kCounter, "resmon_rule_in_samples_total", "in_samples", "in",
     "Samples of the rows that the rule selected.", [](From& of) { return of.in; }},
    {StatKind::kCounter, "resmon_rule_out_samples_total", "out_samples", "out", "Samples that the rule passed on.",
     [](From& of) { return of.out; }},
    {StatKind::kCounter, "resmon_rule_dropped_samples_total", "dropped_samples", "dropped",
     "Samples that the rule dropped.", [](From& of) { return of.dropped; }},
    {StatKind::kCounter, "resmon_rule_refused_samples_total", "refused_samples", "",
     "Samples beyond the rule's bounds, or too late for their window.", [](From& of) { return of.full; }},
    {StatKind::kGauge, "resmon_rule_series", "series", "series", "Series that the rule selects.",
     [](From& of) { return of.series; }},
};

}  // namespace

std::span<const metric::Stat<RuleStats>> rule_stats() {
  return kRuleStats;
}

}  // namespace resmon::rule
