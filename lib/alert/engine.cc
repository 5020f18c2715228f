#include "alert/engine.h"

#include <algorithm>
#include <utility>

#include "alert/series_tags.h"
#include "fleet/series.h"

namespace resmon::alert {

Engine::Engine(const Config& config, const metric::SchemaTable& schemas, EngineLimits limits)
    : rules_(config),
      hosts_(rules_),
      alerts_(rules_, limits.alerts),
      plans_(rules_, schemas, hosts_, alerts_),
      lifecycle_(rules_, alerts_) {}

void Engine::observe(const metric::Batch& batch, UnixNanos received) {
  UnixNanos time = 0;
  for (const metric::Row& row : batch.rows()) {
    const RowPlan& plan = plans_.of(row.schema);
    if (plan.host == nullptr) continue;
    if (row.time != time) {
      evaluate_dirty(received);
      time = row.time;
    }
    // A clock that is ahead must not make all that comes after look late.
    const UnixNanos heard = std::min(row.time, received);
    plan.host->newest = std::max(plan.host->newest, heard);
    if (!plan.steps.empty()) read_row(batch, row, plan);
  }
  evaluate_dirty(received);
}

void Engine::read_row(const metric::Batch& batch, const metric::Row& row, const RowPlan& plan) {
  for (const RowStep& step : plan.steps) {
    if (!batch.has(row, step.field)) continue;
    if (step.track == nullptr) {
      *step.other = std::max(*step.other, row.time);
    } else if (!read_value(batch, row, step)) {
      ++late_rows_;
    } else if (step.alert != nullptr) {
      note_row(*step.alert, row.time);
    }
  }
}

// False: the row is older than the newest.
bool Engine::read_value(const metric::Batch& batch, const metric::Row& row, const RowStep& step) {
  if (step.other != nullptr) {
    if (!step.track->add(row.time, 0)) return false;
    // Once it took another's place it keeps it, until that one comes back.
    step.alert->replaced = *step.other != 0 && *step.other < row.time;
    return true;
  }
  if (step.type == metric::FieldType::kString) return step.track->add_text(row.time, batch.string(row, step.field));
  const auto value = fleet::number_of(step.type, batch.value(row, step.field));
  return value && step.track->add(row.time, *value);
}

void Engine::note_row(Alert& alert, UnixNanos time) {
  if (time > alert.time) alert.note_row(time);
  if (!std::exchange(alert.dirty, true)) dirty_.push_back(&alert);
}

void Engine::evaluate_dirty(UnixNanos received) {
  for (Alert* const alert : dirty_) {
    alert->dirty = false;
    HostState& host = *alert->host;
    const bool late = received - alert->time > std::max(kLateAfter, 3 * host.interval());
    lifecycle_.evaluate(*alert, alert->time, late);
    if (!late) host.late_over = true;
  }
  dirty_.clear();
}

bool Engine::observe_lines(const LogOperand& operand, std::string_view name, UnixNanos now, double count) {
  static const std::vector<metric::Tag> kNoTags;
  HostState* const host = hosts_.find(name);
  if (host == nullptr || host->silent || host->unheard) return false;
  if (!host->rules[operand.rule].selected) return true;
  const RuleSet::Place place{operand.rule, operand.operand};
  if (!place.of_own_series(rules_)) {
    host->side(place, *operand.what, {}).add(now, count);
    return true;
  }
  // A host without such lines and without an alert needs none.
  if (count <= 0 && alerts_.find(*host, operand.rule, kNoTags) == nullptr) return true;
  Alert* const alert = alerts_.get(*host, operand.rule, kNoTags);
  if (alert == nullptr || !alert->track(operand.operand, *operand.what).add(now, count)) return true;
  alert->note_row(now);
  if (!std::exchange(alert->dirty, true)) dirty_.push_back(alert);
  evaluate_dirty(now);
  return true;
}

Alert* Engine::find(std::string_view rule, std::string_view host, const std::vector<metric::Tag>& tags) const {
  const std::uint32_t number = rules_.find(rule);
  const HostState* const on = host.empty() ? hosts_.find(tag_of(tags, "server"), true) : hosts_.find(host);
  return number == kNoRule || on == nullptr ? nullptr : alerts_.find(*on, number, tags);
}

EngineStats Engine::stats() const {
  EngineStats out;
  out.hosts = hosts_.size();
  out.alerts = alerts_.size();
  out.active = alerts_.active().size();
  out.evaluations = lifecycle_.evaluations();
  out.refused = alerts_.refused();
  out.late_rows = late_rows_;
  return out;
}

}  // namespace resmon::alert
