#include "rules.h"

#include <algorithm>

#include "base/log.h"
#include "rule/doubts.h"
#include "rule/hidden.h"
#include "rule/stats.h"

namespace resmon::client {

namespace {

constexpr std::int64_t kReportEvery = 60'000'000'000;

}  // namespace

std::vector<std::string> doubtful_names(const Options& options) {
  std::vector<metric::NameDoubt> left;
  for (const metric::NameDoubt& one : options.rules.doubts) {
    const bool own = std::any_of(one.measurements.begin(), one.measurements.end(), [&](const std::string& measurement) {
      if (options.scripts.contains(measurement) || options.log_metrics.contains(measurement)) return true;
      return std::any_of(options.scripts.begin(), options.scripts.end(),
                         [&](const auto& script) { return script.second.measurement == measurement; });
    });
    if (!own) left.push_back(one);
  }
  return rule::unsettled(left, [](const std::string&) { return std::vector<std::string>(); });
}

std::unique_ptr<Rules> Rules::make(const Options& options, metric::SchemaTable& schemas) {
  if (options.rules.empty()) return nullptr;
  for (const rule::Hidden& one : rule::hidden(options.rules, rule::known_inputs()))
    log::warn("rules", "a rule hides fields that the page or alert rules need",
              {{"rule", one.rule}, {"fields", one.fields}, {"needed_by", one.needed_by}});
  for (const std::string& one : doubtful_names(options))
    log::warn("rules", "a rule names what is not known", {{"reason", one}});
  return std::unique_ptr<Rules>(new Rules(options, schemas));
}

Rules::Rules(const Options& options, metric::SchemaTable& schemas)
    : engine_(options.rules, schemas, options.rule_options()) {
  for (const rule::Rule& one : options.rules.rules) {
    metric::Schema schema =
        metric::stat_schema("internal_rule", {{"place", "client"}, {"rule", one.name}}, rule::rule_stats());
    schemas_of_rules_.push_back(schemas.intern(std::move(schema)).value_or(0));
  }
}

void Rules::apply(metric::Batch in, UnixNanos now, metric::Batch& out) {
  engine_.process(in, 0, in.rows().size(), {now, 0}, out);
  engine_.advance(now, out);
  report(now, out);
  in.clear();
  spare_ = std::move(in);
}

void Rules::report(UnixNanos now, metric::Batch& out) {
  if (now < report_at_ && report_at_ - now <= kReportEvery) return;
  const bool first = report_at_ == 0;
  report_at_ = now / kReportEvery * kReportEvery + kReportEvery;
  if (first) return;
  const std::vector<rule::RuleStats> stats = engine_.stats();
  for (std::size_t i = 0; i < stats.size(); ++i)
    metric::add_stats(rule::rule_stats(), stats[i], schemas_of_rules_[i], now, out);
}

}  // namespace resmon::client
