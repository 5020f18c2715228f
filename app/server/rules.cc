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
    : schemas_(schemas), engine_(options.rules, schemas, {rule::Place::kServer, {}}) {}

bool Rules::untouched(const metric::Batch& batch) const {
  const std::shared_lock lock(untouched_mutex_);
  return std::all_of(batch.rows().begin(), batch.rows().end(), [this](const metric::Row& row) {
    return row.schema < untouched_.size() && untouched_[row.schema] == schemas_.generation(row.schema);
  });
}

void Rules::apply(metric::Batch& batch, std::vector<std::size_t>* row_ends) {
  if (untouched(batch)) return;
  const std::lock_guard lock(mutex_);
  if (!engine_.touches(batch)) {
    const std::unique_lock known(untouched_mutex_);
    for (const metric::Row& row : batch.rows()) {
      if (row.schema >= untouched_.size()) untouched_.resize(schemas_.id_bound());
      untouched_[row.schema] = schemas_.generation(row.schema);
    }
    return;
  }
  metric::Batch out = std::move(spare_);
  const rule::Moment moment{Clock::system().wall(), 0};
  std::vector<std::size_t> whole{batch.rows().size()};
  std::size_t from = 0;
  for (std::size_t& end : row_ends != nullptr ? *row_ends : whole) {
    engine_.process(batch, from, end, moment, out);
    from = end;
    end = out.rows().size();
  }
  std::swap(batch, out);
  out.clear();
  spare_ = std::move(out);
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
