#pragma once

// Logs refusals by address: the first refusal of an address at once, and the following ones in one line a minute.

#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/repeats.h"

namespace resmon {

// Thread-safe.
class RefusalLog {
 public:
  explicit RefusalLog(std::string component) : component_(std::move(component)) {}

  // True: write a line for this one. `address` without port and brackets; one network counts as one address
  // (base/network.h).
  bool say(std::string_view address, const std::string& reason);
  // Writes the summaries that are due. Call about once a second.
  void report();

 private:
  const std::string component_;
  Mutex mutex_;
  Repeats repeats_ GUARDED_BY(mutex_);
};

}  // namespace resmon
