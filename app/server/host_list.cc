#include "host_list.h"

#include "base/log.h"
#include "fleet/fleet.h"
#include "fleet_memory.h"
#include "options.h"

namespace resmon::server {

HostList::HostList(const Options& options, metric::SchemaTable& schemas, const store::Reader& store)
    : options_(options) {
  fleet::FleetLimits limits;
  limits.hosts = static_cast<std::size_t>(options_.max_hosts);
  fleet_ = std::make_unique<fleet::Fleet>(schemas, Clock::system(), limits);
  memory_ = std::make_unique<FleetMemory>(options_.store_directory + "/hosts.json", *fleet_);
  memory_->load();
  remember_hosts(store, *fleet_);
}

HostList::~HostList() = default;

bool HostList::begin_keeping(bool forget) {
  return (forget || memory_->changed()) && !keeping_.exchange(true);
}

void HostList::forget_unused(UnixNanos now) {
  const std::chrono::nanoseconds retain = options_.store_retain;
  fleet_->forget_unused(retain.count() > 0 ? now - retain.count() : INT64_MIN);
}

void HostList::keep() {
  memory_->save_if_changed();
  keeping_ = false;
}

void HostList::save() {
  if (Status saved = memory_->save(); !saved)
    log::error("server", "the list of hosts was not saved", {{"reason", saved.error().message}});
}

}  // namespace resmon::server
