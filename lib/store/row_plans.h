#pragma once

// What the rows of a schema become: their group, and for each field its column and the column's slot in the head.
// Resolved once a schema, and shared by all machines with equal fields. The writer's thread only.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "metric/schema.h"
#include "metric/shared_list.h"
#include "metric/value.h"
#include "store/catalog.h"
#include "store/group_state.h"
#include "store/piece.h"

namespace resmon::store {

class RowPlans {
 public:
  struct Target {
    std::size_t slot = 0;
    metric::FieldType type = metric::FieldType::kFloat;  // of the column
    bool refused = false;
    bool converted = false;  // the field is another type of number: values that the column holds exactly are taken
    bool operator==(const Target&) const = default;
  };
  // The same for all machines, so it is kept once.
  struct Layout {
    MeasurementId measurement = 0;
    metric::SharedList<metric::Field> fields;
    std::vector<Target> targets;  // by field
    std::string refusal;          // why a target, or the group, is refused
    bool limited = false;         // because there are too many, which may change
    std::size_t hash = 0;         // in layouts_by_hash_
    std::size_t plans = 0;        // that have it
  };
  struct Plan {
    Layout* layout = nullptr;      // null: not resolved yet
    GroupState* group = nullptr;   // null: refused
    std::uint32_t generation = 0;  // of the schema's id; another one is another schema
  };

  // `add_group`: the state of a group that the catalog has. All must outlive the plans.
  using AddGroup = std::function<GroupState&(GroupId group, MeasurementId measurement)>;
  RowPlans(const metric::SchemaTable& schemas, Catalog& catalog, AddGroup add_group)
      : schemas_(schemas), catalog_(catalog), add_group_(std::move(add_group)) {}

  const Plan* find(metric::SchemaId id);  // resolved; null where there is no such schema
  // Where its rows went so far, to be read ahead; null: nowhere.
  const GroupState* group_of(metric::SchemaId id) const { return id < plans_.size() ? plans_[id].group : nullptr; }
  // The next row of such a schema resolves it anew.
  void drop_groups(const std::unordered_set<GroupId>& groups);
  void drop_limited();  // and slots that no head has any more

 private:
  void resolve(metric::SchemaId id, Plan& plan);
  Target resolve_field(const metric::Schema& schema, const metric::Field& field, GroupState& group, Layout& layout);
  Layout* share(Layout layout);
  void drop(Plan& plan);

  const metric::SchemaTable& schemas_;
  Catalog& catalog_;
  const AddGroup add_group_;
  std::vector<Plan> plans_;  // by SchemaId
  std::unordered_multimap<std::size_t, std::unique_ptr<Layout>> layouts_by_hash_;
  metric::ListPool<Slot, HashOfSlot> slot_lists_;
};

// For people: "m f: float into integer".
std::string describe_field(const metric::Schema& schema, const metric::Field& field, std::string_view why);
std::string describe_conflict(metric::FieldType offered, metric::FieldType stored);

}  // namespace resmon::store
