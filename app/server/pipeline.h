#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "fleet/fleet.h"
#include "flush_request.h"
#include "ingest/log.h"
#include "set_aside.h"
#include "store/store.h"

namespace resmon::server {

// The thread between the log and the embedded store: shows every entry to the fleet, writes it to the store, and keeps
// the store's house in order. It is the store's only writer.
//
// The store says itself how far it is: the last entry written is a mark in the same transaction as the rows. A start
// goes on behind that mark, wherever the log's cursor is. The cursor follows the mark that is synced, and the log keeps
// what is not yet in the store's main file while it has the space, so that damage to the write-ahead log is made up
// for. What neither has is counted, and the count is kept in the store.
class Pipeline {
 public:
  // All must outlive the pipeline. `directory`: the store's, where others ask for a flush.
  Pipeline(ingest::Log& log, ingest::LogReader& reader, store::Store& store, fleet::Fleet& fleet, SetAside& refused,
           const std::string& directory);
  ~Pipeline();

  void start();
  // Writes what the log still holds, until then at the latest, and ends the thread. The log must have been stopped.
  void stop(std::chrono::steady_clock::time_point until);
  // What was acknowledged and got lost by damage, ever: how much, and when the newest of it was taken.
  ingest::Missing missing() const;
  // After the store was closed: the log may let go of what it has.
  void release();

  // Empty while all is well; else why the store takes nothing.
  std::string trouble() const;
  ingest::LogReader::Stats stats() const { return reader_.stats(); }

 private:
  void run();
  bool write(const ingest::Entry& entry);
  void keep_house();
  void note_missing();
  void set_trouble(std::string text);

  ingest::Log& log_;
  ingest::LogReader& reader_;
  store::Store& store_;
  fleet::Fleet& fleet_;
  SetAside& refused_;
  FlushRequests flush_requests_;
  ingest::Progress written_;  // the thread's
  std::uint64_t marked_ = 0;  // position
  std::uint64_t shown_ = 0;   // to the fleet
  std::chrono::steady_clock::time_point house_at_;
  std::chrono::steady_clock::time_point flushed_at_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::chrono::steady_clock::time_point> stop_by_ = std::chrono::steady_clock::time_point::max();
  mutable std::mutex mutex_;
  std::string trouble_;          // guarded by mutex_
  ingest::Missing missing_;      // passed, and kept in the store; guarded by mutex_
  ingest::Missing missing_end_;  // not passed; guarded by mutex_
  std::thread thread_;
};

// Tells the fleet of the hosts that the store knows from before, so that one that never came back is shown as down.
void remember_hosts(const store::Reader& store, fleet::Fleet& fleet);

}  // namespace resmon::server
