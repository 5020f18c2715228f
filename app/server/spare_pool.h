#pragma once

// What reads requests and remembers the series that it has met: it outlives them, so that a sender that sends the same
// ones again costs no allocation. Thread-safe.

#include <cstddef>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "metric/schema.h"

namespace resmon::server {

template <class Reader>
class SparePool {
 public:
  // Keeps at most so many. `schemas` must outlive it.
  SparePool(metric::SchemaTable& schemas, std::size_t most) : schemas_(schemas), most_(most) {}

  Reader take() {
    const MutexLock lock(mutex_);
    if (spare_.empty()) return Reader(schemas_);
    Reader out = std::move(spare_.back());
    spare_.pop_back();
    return out;
  }
  void give_back(Reader reader) {
    const MutexLock lock(mutex_);
    if (spare_.size() < most_) spare_.push_back(std::move(reader));
  }

 private:
  metric::SchemaTable& schemas_;
  const std::size_t most_;
  Mutex mutex_;
  std::vector<Reader> spare_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
