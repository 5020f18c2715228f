// State from before the start: stored alerts, and the values that windows and forecasts need.

#include <algorithm>

#include "alert/engine_host.h"

namespace resmon::alert {

void Engine::restore(const std::vector<AlertRecord>& records) {
  for (const AlertRecord& kept : records) {
    const auto rule = std::find_if(config_.rules.begin(), config_.rules.end(),
                                   [&](const Rule& one) { return one.name == kept.rule; });
    if (rule == config_.rules.end() || !rule->enabled) continue;
    const bool server = kept.host.empty();
    Host& host = this->host(server ? tag_of(kept.tags, "server") : std::string_view(kept.host), server);
    Alert* const alert = alert_of(host, static_cast<std::uint32_t>(rule - config_.rules.begin()), kept.tags);
    if (alert == nullptr) continue;
    alert->state = kept.state;
    alert->since = kept.since;
    alert->fired = kept.fired;
    alert->ended = kept.ended;
    if (kept.comparison < rule->when.comparisons.size()) alert->comparison = kept.comparison;
    alert->value = kept.value;
    alert->notified = kept.notified;
    alert->notified_at = kept.notified_at;
    alert->first_notified_at = kept.first_notified_at;
    alert->escalated = kept.escalated;
    if (!kept.acknowledged_by.empty())
      alert->acknowledged =
          std::make_unique<Acknowledgement>(Acknowledgement{kept.acknowledged_by, kept.acknowledged_at});
    for (std::uint32_t o = 0; o < rule->when.operands.size(); ++o) {
      const Operand& operand = rule->when.operands[o];
      // That the series took another's place is why it fires.
      if (operand.function == Function::kReplaced && kept.state != AlertState::kOk)
        host.others[key_of(std::to_string(alert->rule), std::to_string(o), without(kept.tags, operand.tag))] =
            kept.since - 1;
    }
    activate(*alert);
  }
}

// Every track that follows this field of this series.
template <class Visit>
void Engine::each_track(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& all,
                        const Visit& visit) {
  const std::string_view name = tag_of(all, "host");
  const std::string_view server = tag_of(all, "server");
  const auto found = by_measurement_.find(measurement);
  if ((name.empty() && server.empty()) || found == by_measurement_.end()) return;
  const std::vector<metric::Tag> tags = without(all, "host");
  Host& host = this->host(name.empty() ? server : name, name.empty());
  for (const auto& [rule, which] : found->second) {
    const Condition& when = config_.rules[rule].when;
    const Operand& operand = when.operands[which];
    if (operand.field != field || !operand.selector.matches(tags)) continue;
    if (operand.selector != when.operands[0].selector) {
      visit(operand, host.side(rule, which, operand, series_key(tags)));
      continue;
    }
    Alert* const alert = alert_of(host, rule, tags);
    if (alert == nullptr) continue;
    if (!alert->tracks[which]) alert->tracks[which] = std::make_unique<Track>(operand);
    visit(operand, *alert->tracks[which]);
  }
}

void Engine::seed(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                  UnixNanos hour, double mean) {
  each_track(measurement, field, tags, [&](const Operand& operand, Track& track) {
    if (operand.function == Function::kForecast) track.seed(hour, mean);
  });
}

void Engine::seed_window(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                         UnixNanos time, double value) {
  each_track(measurement, field, tags, [&](const Operand& operand, Track& track) {
    if (operand.window.count() > 0 && operand.function != Function::kForecast) track.add(time, value);
  });
}

}  // namespace resmon::alert
