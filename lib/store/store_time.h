#pragma once

// What time it is for the store, and when it must end.

#include <atomic>
#include <chrono>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::store {

class StoreTime {
 public:
  UnixNanos now = 0;  // as maintain was told last; 0: not yet. The writer's

  // As Store::finish_by. This and the next three: any thread.
  void finish_by(std::chrono::steady_clock::time_point seal_by, std::chrono::steady_clock::time_point end_by) {
    seal_by_ = seal_by;
    end_by_ = end_by;
  }
  bool late_to_seal() const { return std::chrono::steady_clock::now() >= seal_by_.load(); }
  bool late() const { return std::chrono::steady_clock::now() >= end_by_.load(); }
  static Status out_of_time() { return fail(ErrorKind::kUnavailable, "store: no time is left to write"); }

 private:
  std::atomic<std::chrono::steady_clock::time_point> seal_by_ = std::chrono::steady_clock::time_point::max();
  std::atomic<std::chrono::steady_clock::time_point> end_by_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace resmon::store
