// State from before the start: stored alerts, and the values that windows and forecasts need.

#include "alert/engine.h"
#include "alert/series_tags.h"

namespace resmon::alert {

void Engine::restore(const std::vector<AlertRecord>& records, UnixNanos now) {
  for (const AlertRecord& kept : records) restore(kept, now);
}

void Engine::restore(const AlertRecord& kept, UnixNanos now) {
  const Heir heir = rules_.heir_of(kept);
  if (heir.rule == kNoRule) {
    lifecycle_.bury(kept, now, heir.reason);
    return;
  }
  const Rule& rule = rules_[heir.rule];
  const bool server = kept.host.empty();
  HostState& host = hosts_.get(server ? tag_of(kept.tags, "server") : std::string_view(kept.host), server);
  Alert* const alert = alerts_.get(host, heir.rule, kept.tags);
  if (alert == nullptr) return;
  restore_alert(*alert, kept, rule);
  for (std::uint32_t o = 0; o < rule.when.operands.size(); ++o) {
    const Operand& operand = rule.when.operands[o];
    // That the series took another's place is why it fires.
    if (operand.function == Function::kReplaced && kept.state != AlertState::kOk)
      host.other({heir.rule, o}, without(kept.tags, operand.tag)) = kept.since - 1;
  }
  alerts_.activate(*alert);
  if (!heir.unchanged) alert->begin_anew();
}

void Engine::take_over(Engine& before, UnixNanos now) {
  const std::vector<Heir> heirs = rules_.heirs_of(before.rules_);
  lifecycle_.take_over(before.lifecycle_);
  for (const Alert* const alert : before.alerts_.active())
    if (const Heir& heir = heirs[alert->rule]; heir.rule == kNoRule)
      lifecycle_.bury(before.record(*alert), now, heir.reason);
  hosts_.take_over(before.hosts_, heirs);
  alerts_.take_over(before.alerts_, heirs);
  silence_ = before.silence_;
  swept_ = before.swept_;
  rows_.take_over(before.rows_);
  lifecycle_.end_uncovered(now);
}

void Engine::seed(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                  UnixNanos hour, double mean) {
  plans_.each_track(measurement, field, tags, [&](const Operand& operand, Track& track) {
    if (operand.function == Function::kForecast) track.seed(hour, mean);
  });
}

void Engine::seed_window(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                         UnixNanos time, double value) {
  plans_.each_track(measurement, field, tags, [&](const Operand& operand, Track& track) {
    if (operand.window.count() > 0 && operand.function != Function::kForecast) track.add(time, value);
  });
}

}  // namespace resmon::alert
