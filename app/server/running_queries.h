#pragma once

// The queries that run now: SHOW QUERIES lists them, KILL QUERY ends one. Thread-safe.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "influxql/backend.h"

namespace resmon::server {

class RunningQueries {
 public:
  struct One {
    std::string text;  // its first 4 KiB
    std::string database;
    std::chrono::steady_clock::time_point begun;
    std::atomic<bool> killed{false};
  };

  // Listed for as long as this lives.
  class Entry {
   public:
    Entry(RunningQueries& queries, std::string_view text, std::string_view database);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    const std::atomic<bool>& killed() const { return one_->killed; }

   private:
    RunningQueries& queries_;
    const std::shared_ptr<One> one_ = std::make_shared<One>();
    std::uint64_t id_ = 0;
  };

  std::vector<influxql::RunningQuery> list() const;  // by id
  bool kill(std::uint64_t id);                       // false: there is none

 private:
  mutable Mutex mutex_;
  std::uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::map<std::uint64_t, std::shared_ptr<One>> ones_ GUARDED_BY(mutex_);  // as many as the pool has threads
};

}  // namespace resmon::server
