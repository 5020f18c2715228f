#include "alert/row_plans.h"

#include <algorithm>

namespace resmon::alert {

const RowPlan& RowPlans::make(metric::SchemaId id) {
  if (plans_.size() <= id) {
    const std::size_t size = std::max<std::size_t>(std::size_t{id} + 1, plans_.size() + plans_.size() / 8);
    plans_.reserve(size);  // exactly: there is one for each schema of the server
    plans_.resize(size);
  }
  RowPlan& plan = plans_[id];
  plan = RowPlan();
  plan.generation = schemas_.generation(id);
  fill(plan, schemas_[id]);
  return plan;
}

void RowPlans::fill(RowPlan& plan, const metric::Schema& schema) {
  if (schema.measurement == "alert") return;
  plan.host = hosts_.get(schema.tags);
  if (plan.host == nullptr) return;
  const std::vector<RuleSet::Place>& places = rules_.reading(schema.measurement);
  if (places.empty()) return;
  const std::vector<metric::Tag> tags = without(schema.tags, "host");
  for (const RuleSet::Place place : places) add_operand(plan, schema, place, tags);
}

void RowPlans::add_operand(RowPlan& plan, const metric::Schema& schema, RuleSet::Place place,
                           const std::vector<metric::Tag>& tags) {
  const Operand& operand = place.of(rules_);
  std::uint32_t field = 0;
  while (field < schema.fields.size() && schema.fields[field].name != operand.field) ++field;
  if (field == schema.fields.size()) return;
  if (operand.function == Function::kReplaced) {
    add_replaced(plan, place, tags, field);
    return;
  }
  if (!operand.selector.matches(tags)) return;
  RowStep step;
  step.field = field;
  step.type = schema.fields[field].type;
  if (place.of_own_series(rules_)) {
    step.alert = alerts_.get(*plan.host, place.rule, tags);
    if (step.alert == nullptr) return;
    step.track = &step.alert->track(place.operand, operand);
  } else {
    step.track = &plan.host->side(place, operand, series_key(tags));
  }
  plan.steps.push_back(step);
}

// A series that the filters take is the alert's; one that differs in the one tag only tells what was there before.
void RowPlans::add_replaced(RowPlan& plan, RuleSet::Place place, const std::vector<metric::Tag>& tags,
                            std::uint32_t field) {
  const Operand& operand = place.of(rules_);
  const auto others_match = [&] {
    Selector rest = operand.selector;
    std::erase_if(rest.filters, [&](const TagFilter& filter) { return filter.key == operand.tag; });
    return rest.matches(tags);
  };
  RowStep step;
  step.field = field;
  const bool own = operand.selector.matches(tags);
  if (!own && !others_match()) return;
  step.other = &plan.host->other(place, without(tags, operand.tag));
  if (own) {
    step.alert = alerts_.get(*plan.host, place.rule, tags);
    if (step.alert == nullptr) return;
    step.track = &step.alert->track(place.operand, operand);
  }
  plan.steps.push_back(step);
}

}  // namespace resmon::alert
