#include "rules.h"

#include <algorithm>

#include "alert/rules.h"
#include "base/file.h"
#include "base/log.h"
#include "rule/doubts.h"
#include "rule/hidden.h"

namespace resmon::server {

std::unique_ptr<Rules> Rules::make(const Options& options, metric::SchemaTable& schemas) {
  return options.rules.empty() ? nullptr : std::unique_ptr<Rules>(new Rules(options, schemas));
}

Rules::Rules(const Options& options, metric::SchemaTable& schemas)
    : untouched_(schemas), engine_(options.rules, schemas, {rule::Place::kServer, {}}) {}

void Rules::apply(metric::Batch& batch, std::vector<std::size_t>* row_ends) {
  if (untouched_.all_marked(batch)) return;
  const MutexLock lock(mutex_);
  if (engine_.edit(batch, row_ends, {Clock::system().wall(), 0})) return;
  std::vector<metric::SchemaId> ids;
  for (const metric::Row& row : batch.rows()) ids.push_back(row.schema);
  untouched_.mark(ids, untouched_.clears());
}

namespace {

std::vector<std::string> without_known(const std::vector<metric::NameDoubt>& doubts,
                                       std::span<const rule::Rule> written_by, const store::Reader* store) {
  std::vector<metric::NameDoubt> left;
  for (const metric::NameDoubt& one : doubts)
    if (std::none_of(one.measurements.begin(), one.measurements.end(), [&](const std::string& measurement) {
          return rule::may_write(written_by, measurement, one.field);
        }))
      left.push_back(one);
  return rule::unsettled(left, [&](const std::string& measurement) {
    std::vector<std::string> fields;
    if (store != nullptr)
      for (const store::Column& column : store->columns(measurement)) fields.push_back(column.name);
    return fields;
  });
}

}  // namespace

Result<alert::Config> alert_rules(const Options& options) {
  std::string text;
  if (file_mark(options.alerts_rules_file) != 0) {
    RESMON_ASSIGN(text, read_file(options.alerts_rules_file, 1U << 20U));
  }
  return alert::read_config(text, options.alerts_rules_file);
}

std::vector<std::string> doubtful_names(const Options& options, const store::Reader* store) {
  // What rules write counts for those after them only, as whoever read them knew.
  std::vector<std::string> out = without_known(options.rules.doubts, {}, store);
  for (const auto& [name, rules] : options.sink_rules)
    for (std::string& one : without_known(rules.doubts, options.rules.rules, store)) out.push_back(std::move(one));
  return out;
}

std::vector<std::string> doubtful_names(const alert::Config& alerts, const Options& options,
                                        const store::Reader* store) {
  return without_known(alerts.doubts, options.rules.rules, store);
}

Result<std::vector<std::string>> check_rules(const Options& options) {
  std::vector<std::string> out = doubtful_names(options, nullptr);
  if (!options.alerts_enabled) return out;
  RESMON_ASSIGN(const alert::Config alerts, alert_rules(options));
  for (std::string& one : doubtful_names(alerts, options, nullptr)) out.push_back(std::move(one));
  return out;
}

void warn_of_hidden_inputs(const Options& options) {
  if (options.rules.empty()) return;
  std::vector<rule::Input> inputs;
  for (const rule::Input& one : rule::known_inputs())
    if (!one.alert) inputs.push_back(one);
  if (const auto alerts = alert_rules(options); options.alerts_enabled && alerts)
    for (const alert::Rule& rule : alerts->rules)
      for (const alert::Operand& operand : rule.when.operands)
        if (rule.enabled && !operand.selector.measurement.empty())
          inputs.push_back({operand.selector.measurement, operand.field, "the alert rule " + rule.name, true});
  for (const rule::Hidden& one : rule::hidden(options.rules, inputs))
    log::warn("rules", "a rule hides fields that the page or alert rules need",
              {{"rule", one.rule}, {"fields", one.fields}, {"needed_by", one.needed_by}});
}

}  // namespace resmon::server
