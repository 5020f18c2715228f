#include "rules.h"

#include <algorithm>

#include "alert/rules.h"
#include "base/file.h"
#include "base/log.h"
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

void warn_of_hidden_inputs(const Options& options) {
  if (options.rules.empty()) return;
  std::vector<rule::Input> inputs;
  for (const rule::Input& one : rule::known_inputs())
    if (!one.alert) inputs.push_back(one);
  std::string text;
  if (options.alerts_enabled && file_mark(options.alerts_rules_file) != 0)
    text = read_file(options.alerts_rules_file, 1U << 20U).value_or("");
  if (const auto alerts = alert::read_config(text, options.alerts_rules_file); options.alerts_enabled && alerts)
    for (const alert::Rule& rule : alerts->rules)
      for (const alert::Operand& operand : rule.when.operands)
        if (rule.enabled && !operand.selector.measurement.empty())
          inputs.push_back({operand.selector.measurement, operand.field, "the alert rule " + rule.name, true});
  for (const rule::Hidden& one : rule::hidden(options.rules, inputs))
    log::warn("rules", "a rule hides fields that the page or alert rules need",
              {{"rule", one.rule}, {"fields", one.fields}, {"needed_by", one.needed_by}});
}

}  // namespace resmon::server
