#pragma once

// Which values of a row go to which alerts and tracks. That is determined once for each schema and kept by its id, so a
// row that no rule reads costs one look-up. Not thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "alert/alert.h"
#include "alert/alert_table.h"
#include "alert/hosts.h"
#include "alert/rule_set.h"
#include "alert/series_tags.h"
#include "metric/schema.h"

namespace resmon::alert {

// What one value of a row is for.
struct RowStep {
  Alert* alert = nullptr;      // null: of another series than an alert's own
  Track* track = nullptr;      // null: only tells that another series is there
  UnixNanos* other = nullptr;  // of kReplaced: the newest row of what stood there before
  std::uint32_t field = 0;
  metric::FieldType type = metric::FieldType::kFloat;
};

struct RowPlan {
  std::uint32_t generation = 0;
  HostState* host = nullptr;  // null: rows of this schema are of no host
  std::vector<RowStep> steps;
};

class RowPlans {
 public:
  // All must outlive the plans.
  RowPlans(const RuleSet& rules, const metric::SchemaTable& schemas, Hosts& hosts, AlertTable& alerts)
      : rules_(rules), schemas_(schemas), hosts_(hosts), alerts_(alerts) {}

  // The schema must be pinned. Valid until the next call.
  const RowPlan& of(metric::SchemaId id) {
    if (id < plans_.size() && plans_[id].generation == schemas_.generation(id)) return plans_[id];
    return make(id);
  }
  // Plans point at alerts, tracks and hosts: after some were forgotten, all plans are made again.
  void clear() { plans_.clear(); }

  // `visit(const Operand&, Track&)` for every track that follows this field of this series, which are made.
  template <class Visit>
  void each_track(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& all,
                  const Visit& visit);

 private:
  const RowPlan& make(metric::SchemaId id);
  void fill(RowPlan& plan, const metric::Schema& schema);
  void add_operand(RowPlan& plan, const metric::Schema& schema, RuleSet::Place place,
                   const std::vector<metric::Tag>& tags);
  void add_replaced(RowPlan& plan, RuleSet::Place place, const std::vector<metric::Tag>& tags, std::uint32_t field);

  const RuleSet& rules_;
  const metric::SchemaTable& schemas_;
  Hosts& hosts_;
  AlertTable& alerts_;
  std::vector<RowPlan> plans_;  // by SchemaId
};

template <class Visit>
void RowPlans::each_track(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& all,
                          const Visit& visit) {
  const std::vector<RuleSet::Place>& places = rules_.reading(measurement);
  HostState* const host = places.empty() ? nullptr : hosts_.get(all);
  if (host == nullptr) return;
  const std::vector<metric::Tag> tags = without(all, "host");
  for (const RuleSet::Place place : places) {
    const Operand& operand = place.of(rules_);
    if (operand.field != field || !operand.selector.matches(tags)) continue;
    if (!place.of_own_series(rules_)) {
      visit(operand, host->side(place, operand, series_key(tags)));
      continue;
    }
    if (Alert* const alert = alerts_.get(*host, place.rule, tags)) visit(operand, alert->track(place.operand, operand));
  }
}

}  // namespace resmon::alert
