#pragma once

// From which time on this server has rows that a sink's database may not have yet. The log is delivered in the order of
// arrival, and rows of a client that catches up are old, so the time of the oldest row is kept for each stretch of the
// log that is not delivered. Thread-safe.

#include <cstdint>
#include <deque>

#include "base/clock.h"
#include "base/mutex.h"

namespace resmon::server {

class Undelivered {
 public:
  // Of entries up to that position nothing will be noted.
  explicit Undelivered(std::uint64_t unknown_through) : unknown_through_(unknown_through) {}

  // An entry of the log, in their order: the time of its oldest row.
  void note(std::uint64_t position, UnixNanos oldest);
  // `delivered`: the position up to which the database has all, for good. INT64_MIN: any row may be missing there;
  // INT64_MAX: none is.
  UnixNanos since(std::uint64_t delivered);

 private:
  struct Stretch {
    std::uint64_t entries;
    std::uint64_t last_position;
    UnixNanos oldest;
  };
  void join_neighbours() REQUIRES(mutex_);

  const std::uint64_t unknown_through_;
  Mutex mutex_;
  std::deque<Stretch> stretches_ GUARDED_BY(mutex_);
  std::uint64_t stretch_entries_ GUARDED_BY(mutex_) = 1;  // as many entries are one stretch
};

}  // namespace resmon::server
