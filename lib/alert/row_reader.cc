#include "alert/row_reader.h"

#include <algorithm>
#include <utility>

#include "fleet/series.h"

namespace resmon::alert {

void RowReader::observe(const metric::Batch& batch, UnixNanos received) {
  UnixNanos time = 0;
  for (const metric::Row& row : batch.rows()) {
    const RowPlan& plan = plans_.of(row.schema);
    if (plan.host == nullptr) continue;
    if (row.time != time) {
      evaluate_marked(received);
      time = row.time;
    }
    // A clock that is ahead must not make all that comes after look late.
    const UnixNanos heard = std::min(row.time, received);
    plan.host->newest = std::max(plan.host->newest, heard);
    if (!plan.steps.empty()) read_row(batch, row, plan);
  }
  evaluate_marked(received);
}

void RowReader::read_row(const metric::Batch& batch, const metric::Row& row, const RowPlan& plan) {
  for (const RowStep& step : plan.steps) {
    if (!batch.has(row, step.field)) continue;
    if (step.track == nullptr) {
      *step.other = std::max(*step.other, row.time);
    } else if (!read_value(batch, row, step)) {
      ++late_rows_;
    } else if (step.alert != nullptr) {
      if (row.time > step.alert->time) step.alert->note_row(row.time);
      mark(*step.alert);
    }
  }
}

// False: the row is older than the newest.
bool RowReader::read_value(const metric::Batch& batch, const metric::Row& row, const RowStep& step) {
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

void RowReader::mark(Alert& alert) {
  if (!std::exchange(alert.dirty, true)) marked_.push_back(&alert);
}

void RowReader::evaluate_marked(UnixNanos received) {
  for (Alert* const alert : marked_) {
    alert->dirty = false;
    HostState& host = *alert->host;
    const bool late = received - alert->time > std::max(kLateAfter, 3 * host.interval());
    lifecycle_.evaluate(*alert, alert->time, late);
    if (!late) host.late_over = true;
  }
  marked_.clear();
}

bool RowReader::observe_lines(const LogOperand& operand, std::string_view name, UnixNanos now, double count) {
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
  mark(*alert);
  evaluate_marked(now);
  return true;
}

}  // namespace resmon::alert
