#pragma once

// Lines as they come, for live viewers. A viewer has a bound of bytes that wait for it; what does not fit is counted
// and not shown. Thread-safe.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "logline/line.h"

namespace resmon::logs {

struct Arrival {
  std::string host;
  std::shared_ptr<const logline::Lines> lines;
};

// Of one viewer.
class Tail {
 public:
  // The lines since the last call, oldest first; `dropped` counts lines that did not fit.
  std::vector<Arrival> take(std::uint64_t& dropped);
  // False: they do not fit. What is larger than the whole room fits where nothing else waits.
  bool add(const std::string& host, const std::shared_ptr<const logline::Lines>& lines);

 private:
  Mutex mutex_;
  std::deque<Arrival> waiting_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

class Tails {
 public:
  // Null: there are too many. Whoever lets go of it follows no more.
  std::shared_ptr<Tail> follow();
  void show(const std::string& host, const std::shared_ptr<const logline::Lines>& lines);
  std::uint64_t dropped_lines() const { return dropped_lines_; }  // of all viewers, since the start

 private:
  void forget_left() REQUIRES(mutex_);

  Mutex mutex_;
  std::vector<std::weak_ptr<Tail>> tails_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> dropped_lines_{0};
};

}  // namespace resmon::logs
