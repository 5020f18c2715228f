#pragma once

// Keeps the list of hosts across restarts: tags, version, address, interval, when each was last seen, and which were
// removed from the list. One JSON file in the store's directory, replaced as a whole. The last values of a host come
// from the store.

#include <atomic>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "fleet/fleet.h"
#include "store/reader.h"

namespace resmon::server {

class FleetMemory {
 public:
  FleetMemory(std::string path, fleet::Fleet& fleet) : path_(std::move(path)), fleet_(fleet) {}

  // Loads the file into the fleet. A missing file is ignored; one that cannot be parsed is logged and ignored.
  void load();
  // The three below: any thread; they block.
  Status save();
  bool changed() const;  // what must not be lost is not in the file yet
  void save_if_changed();

 private:
  const std::string path_;
  fleet::Fleet& fleet_;
  mutable Mutex mutex_;
  std::uint64_t saved_version_ GUARDED_BY(mutex_) = 0;
  bool failing_ GUARDED_BY(mutex_) = false;
};

// Tells the fleet of the hosts that the store knows from before, so that one that never came back is shown as down.
void remember_hosts(const store::Reader& store, fleet::Fleet& fleet);
// Shows the fleet the last rows of hosts that are not connected, until `stopping`. Takes about a millisecond for each.
void remember_values(const store::Reader& store, fleet::Fleet& fleet, const std::atomic<bool>& stopping);

}  // namespace resmon::server
