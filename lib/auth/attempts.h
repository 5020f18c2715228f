#pragma once

// Limits attempts at a password: a number per window of time for each key (an address, a name, or both). An attempt is
// counted when it begins, so parallel attempts do not evade the limit. A successful attempt is uncounted, and so is one
// that another limit refused. Bounded: when the table is full, the oldest entry is removed. Thread-safe.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace resmon::auth {

class Attempts {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Attempts(std::size_t most_keys, std::chrono::seconds window) : most_keys_(most_keys), window_(window) {}

  // 0: go ahead. Otherwise how long to wait, rounded up; then nothing was counted.
  std::chrono::seconds begin(const std::string& key, unsigned limit, Time now);
  void take_back(std::string_view key);
  std::size_t size() const;

 private:
  struct Entry {
    Time began;
    unsigned count = 0;
  };
  const std::size_t most_keys_;
  const std::chrono::seconds window_;
  mutable Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
};

}  // namespace resmon::auth
