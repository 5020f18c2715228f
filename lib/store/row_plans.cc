#include "store/row_plans.h"

#include <algorithm>
#include <mutex>

#include "metric/number.h"
#include "metric/pinned_types.h"

namespace resmon::store {

using metric::FieldType;

std::string describe_field(const metric::Schema& schema, const metric::Field& field, std::string_view why) {
  std::string text = schema.measurement;
  text.append(" ").append(field.name).append(": ").append(why);
  return text;
}

std::string describe_conflict(FieldType offered, FieldType stored) {
  std::string text(metric::type_name(offered));
  return text.append(" into ").append(metric::type_name(stored));
}

const RowPlans::Plan* RowPlans::find(metric::SchemaId id) {
  if (id >= plans_.size()) {
    if (id >= schemas_.id_bound()) return nullptr;
    plans_.resize(std::max<std::size_t>(std::size_t{id} + 1, schemas_.id_bound()));
  }
  Plan& plan = plans_[id];
  const std::uint32_t generation = schemas_.generation(id);
  if (plan.layout == nullptr || plan.generation != generation) {
    drop(plan);
    plan.generation = generation;
    resolve(id, plan);
  }
  return &plan;
}

void RowPlans::resolve(metric::SchemaId id, Plan& plan) {
  const metric::Schema& schema = schemas_[id];
  Layout layout;
  layout.fields = schema.fields;
  const Result<MeasurementId> measurement = catalog_.add_measurement(schema.measurement);
  const Result<GroupId> group =
      measurement ? catalog_.add_group(*measurement, schema.tags) : Result<GroupId>(fail(Error(measurement.error())));
  if (!group) {
    layout.refusal = schema.measurement + ": " + group.error().message;
    layout.limited = true;
    plan.layout = share(std::move(layout));
    return;
  }
  layout.measurement = *measurement;
  plan.group = &add_group_(*group, *measurement);
  const std::lock_guard lock(plan.group->mutex);
  for (const metric::Field& field : schema.fields)
    layout.targets.push_back(resolve_field(schema, field, *plan.group, layout));
  plan.group->head.share_slots(slot_lists_.share(plan.group->head.slots()));
  plan.layout = share(std::move(layout));
}

RowPlans::Target RowPlans::resolve_field(const metric::Schema& schema, const metric::Field& field, GroupState& group,
                                         Layout& layout) {
  const FieldType wanted = metric::pinned_type(schema.measurement, field.name).value_or(field.type);
  const auto fits = [&](FieldType type) {
    return type == field.type || (metric::is_number(type) && metric::is_number(field.type));
  };
  const Result<Column> column = fits(wanted) ? catalog_.add_column(layout.measurement, field.name, wanted)
                                             : Result<Column>(Column{0, field.name, wanted});
  Target target;
  target.refused = !column || !fits(column->type);
  layout.limited = layout.limited || !column;
  if (target.refused) {
    if (layout.refusal.empty())
      layout.refusal =
          describe_field(schema, field, column ? describe_conflict(field.type, column->type) : column.error().message);
    return target;
  }
  target.converted = column->type != field.type;
  target.type = column->type;
  target.slot = group.head.slot(column->id, column->type);
  return target;
}

RowPlans::Layout* RowPlans::share(Layout layout) {
  std::size_t hash = layout.measurement;
  for (const metric::Field& field : layout.fields) hash = hash * 31 + std::hash<std::string>()(field.name);
  for (const Target& target : layout.targets) hash = hash * 31 + target.slot * 2 + (target.refused ? 1U : 0U);
  const auto [first, last] = layouts_by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    Layout& known = *it->second;
    if (known.measurement != layout.measurement || known.fields != layout.fields || known.targets != layout.targets ||
        known.refusal != layout.refusal)
      continue;
    ++known.plans;
    return &known;
  }
  layout.hash = hash;
  layout.plans = 1;
  return layouts_by_hash_.emplace(hash, std::make_unique<Layout>(std::move(layout)))->second.get();
}

void RowPlans::drop(Plan& plan) {
  Layout* const layout = std::exchange(plan, {}).layout;
  if (layout == nullptr || --layout->plans > 0) return;
  const auto [first, last] = layouts_by_hash_.equal_range(layout->hash);
  layouts_by_hash_.erase(std::find_if(first, last, [&](const auto& one) { return one.second.get() == layout; }));
}

void RowPlans::drop_groups(const std::unordered_set<GroupId>& groups) {
  for (Plan& plan : plans_)
    if (plan.group != nullptr && groups.contains(plan.group->id)) drop(plan);
}

void RowPlans::drop_limited() {
  for (Plan& plan : plans_)
    if (plan.layout != nullptr && plan.layout->limited) drop(plan);
  slot_lists_.drop_unused();
}

}  // namespace resmon::store
