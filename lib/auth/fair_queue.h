#pragma once

// A queue of work for a thread that serves requesters in turn, however much one of them requests. Known requesters come
// before all others. Bounded, in total and per requester. Thread-safe.

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <string>

#include "base/mutex.h"

namespace resmon::auth {

class FairQueue {
 public:
  using Work = std::function<void()>;
  enum class Lane { kKnown, kOthers };  // kKnown first

  // The bounds are of each lane.
  FairQueue(std::size_t most, std::size_t most_of_one) : most_(most), most_of_one_(most_of_one) {}

  // False: too much waits already; `work` is not kept.
  [[nodiscard]] bool add(Lane lane, const std::string& whose, Work work);
  // Removes and returns the next item; empty if none waits.
  Work next();

 private:
  struct One {
    std::size_t waiting = 0;
    std::map<std::string, std::deque<Work>> work;
    std::list<std::string> turns;  // everybody in `work`, the next one first
  };
  const std::size_t most_;
  const std::size_t most_of_one_;
  Mutex mutex_;
  One lanes_[2] GUARDED_BY(mutex_);
};

}  // namespace resmon::auth
