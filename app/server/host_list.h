#pragma once

// The list of hosts, and the file that it is kept in.

#include <atomic>
#include <memory>

#include "base/clock.h"

namespace resmon::fleet {
class Fleet;
}
namespace resmon::metric {
class SchemaTable;
}
namespace resmon::store {
class Reader;
}

namespace resmon::server {

class FleetMemory;
struct Options;

class HostList {
 public:
  // Loads the file, and what the store knows of. `options` and `schemas` must outlive it.
  HostList(const Options& options, metric::SchemaTable& schemas, const store::Reader& store);
  ~HostList();

  fleet::Fleet& fleet() { return *fleet_; }
  const fleet::Fleet& fleet() const { return *fleet_; }
  FleetMemory& memory() { return *memory_; }

  // Whether to call keep(), once: it has something to save, or is to forget, and is not under way.
  bool begin_keeping(bool forget);
  // The two below block. What no host has used for as long as rows are kept.
  void forget_unused(UnixNanos now);
  void keep();  // saves what has changed
  void save();  // as it is now; what goes wrong is logged

 private:
  const Options& options_;
  std::unique_ptr<fleet::Fleet> fleet_;
  std::unique_ptr<FleetMemory> memory_;
  std::atomic<bool> keeping_{false};
};

}  // namespace resmon::server
