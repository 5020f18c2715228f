#include "alert/engine.h"

#include "alert/series_tags.h"

namespace resmon::alert {

Engine::Engine(const Config& config, const metric::SchemaTable& schemas, EngineLimits limits)
    : rules_(config),
      hosts_(rules_),
      alerts_(rules_, limits.alerts),
      plans_(rules_, schemas, hosts_, alerts_),
      lifecycle_(rules_, alerts_),
      rows_(rules_, hosts_, alerts_, plans_, lifecycle_) {}

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
  out.late_rows = rows_.late_rows();
  return out;
}

}  // namespace resmon::alert
