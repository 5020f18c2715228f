#pragma once

// The makers of all collectors, for the registry and the tests. Each is defined in the file of its name.

#include <memory>

#include "collect/collector.h"

namespace resmon::collect {

#define RESMON_COLLECTOR(name) \
  std::unique_ptr<Collector> make_##name(const Roots&, const CollectorOptions&, metric::SchemaTable&, Shared&)

RESMON_COLLECTOR(cpu);
RESMON_COLLECTOR(mem);
RESMON_COLLECTOR(swap);
RESMON_COLLECTOR(disk);
RESMON_COLLECTOR(diskio);
RESMON_COLLECTOR(net);
RESMON_COLLECTOR(netstat);
RESMON_COLLECTOR(system);
RESMON_COLLECTOR(processes);
RESMON_COLLECTOR(kernel);
RESMON_COLLECTOR(linux_sysctl_fs);
RESMON_COLLECTOR(pressure);

#undef RESMON_COLLECTOR

}  // namespace resmon::collect
