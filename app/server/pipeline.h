#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "fleet/fleet.h"
#include "ingest/log.h"
#include "store/store.h"

namespace resmon::server {

// The thread between the log and the embedded store: shows every entry to the fleet, writes it to the store, and keeps
// the store's house in order. It is the store's only writer.
class Pipeline {
 public:
  Pipeline(ingest::Log& log, store::Store& store, fleet::Fleet& fleet);
  ~Pipeline();

  void start();
  // Writes what the log still holds, then ends the thread. The log must have been stopped.
  void stop();

  // Empty while all is well; else why the store takes nothing.
  std::string trouble() const;
  const ingest::LogReader& reader() const { return reader_; }

 private:
  void run();
  void write(const ingest::Entry& entry);
  void set_trouble(std::string text);

  ingest::LogReader& reader_;
  store::Store& store_;
  fleet::Fleet& fleet_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string trouble_;  // guarded by mutex_
  std::thread thread_;
};

// Tells the fleet of the hosts that the store knows from before, so that one that never came back is shown as down.
void remember_hosts(const store::Reader& store, fleet::Fleet& fleet);

}  // namespace resmon::server
