#pragma once

#include <atomic>
#include <functional>
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
// How far the store is, it says itself: the position of the last entry written is a mark in the same transaction as the
// rows. The log's cursor follows what is durable there, so the log keeps all that a crash would take from the store;
// and what the store has, it is not shown again.
class Pipeline {
 public:
  // All must outlive the pipeline. `directory`: the store's, where others ask for a flush.
  Pipeline(ingest::Log& log, ingest::LogReader& reader, store::Store& store, fleet::Fleet& fleet, SetAside& refused,
           const std::string& directory);
  ~Pipeline();

  // Told, on the pipeline's thread, of a host's samples that the store refused, and why the first was. Before start().
  using Refused = std::function<void(const std::string& host, std::uint64_t samples, const std::string& reason)>;
  void on_refused(Refused told) { told_ = std::move(told); }
  void start();
  // Writes what the log still holds, then ends the thread. The log must have been stopped.
  void stop();
  // After the store was closed: the log may let go of what it has.
  void release();

  // Empty while all is well; else why the store takes nothing.
  std::string trouble() const;
  ingest::LogReader::Stats stats() const { return reader_.stats(); }

 private:
  void run();
  bool write(const ingest::Entry& entry);
  void keep_house();
  void take_mark_back();
  void set_trouble(std::string text);
  void set_aside(const metric::Batch& batch, const std::vector<store::RefusedRow>& rows);

  ingest::Log& log_;
  ingest::LogReader& reader_;
  store::Store& store_;
  fleet::Fleet& fleet_;
  SetAside& refused_;
  FlushRequests flush_requests_;
  Refused told_;
  std::uint64_t written_ = 0;  // position; the thread's
  std::uint64_t marked_ = 0;
  // The store's durable mark is beyond the journal's end: a power cut with journal.sync off, or damage, took that.
  bool mark_ahead_ = false;
  std::uint64_t shown_ = 0;  // to the fleet
  std::chrono::steady_clock::time_point house_at_;
  std::chrono::steady_clock::time_point flushed_at_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string trouble_;  // guarded by mutex_
  std::thread thread_;
};

// Tells the fleet of the hosts that the store knows from before, so that one that never came back is shown as down.
void remember_hosts(const store::Reader& store, fleet::Fleet& fleet);

}  // namespace resmon::server
