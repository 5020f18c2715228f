#include "rule/hidden.h"

#include <algorithm>
#include <map>

#include "rule/shape.h"

namespace resmon::rule {

namespace {

constexpr std::size_t kMostNamed = 3;

// "a, b, c and others"
void add_name(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}
std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) out += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kMostNamed ? out + " and others" : out;
}

}  // namespace

const std::vector<Input>& known_inputs() {
  static const std::vector<Input> inputs{
#include "inputs.inc"
  };
  return inputs;
}

const Rule* hides(const Config& config, std::string_view measurement, std::string_view field) {
  metric::Schema schema;
  schema.measurement = measurement;
  schema.fields = {metric::Field{std::string(field), metric::FieldType::kFloat}};
  for (const Rule& rule : config.rules) {
    if (!rule.hosts.empty() || !rule.tags.empty() || !rule.tag_pass.empty() || !rule.tag_drop.empty() ||
        !rule.conditions.empty())
      continue;
    Step step;
    Plan plan;
    if (!may_apply(rule, schema, {}, step, plan)) continue;
    if (rule.verb == Verb::kKeep) return nullptr;
    if (rule.verb == Verb::kDrop || (rule.verb == Verb::kFilter && step.unselected)) return &rule;
    if (!changes_schema(rule.verb)) continue;
    std::vector<Column> columns;
    const metric::Schema after = planned(rule, Place::kClient, schema, columns);
    const bool there = std::any_of(after.fields.begin(), after.fields.end(),
                                   [&](const metric::Field& one) { return one.name == field; });
    if (after.measurement != measurement || !there) return &rule;
  }
  return nullptr;
}

std::vector<Hidden> hidden(const Config& config, const std::vector<Input>& inputs) {
  struct Found {
    std::vector<std::string> fields, needed_by;
  };
  std::map<const Rule*, Found> found;
  for (const Input& input : inputs) {
    const Rule* const rule = hides(config, input.measurement, input.field);
    if (rule == nullptr) continue;
    add_name(found[rule].fields, input.measurement + "." + input.field);
    add_name(found[rule].needed_by, input.needed_by);
  }
  std::vector<Hidden> out;
  for (const auto& [rule, of] : found) out.push_back({rule->name, joined(of.fields), joined(of.needed_by)});
  return out;
}

}  // namespace resmon::rule
