#pragma once

// Calls into the kernel that may never return (statfs on a dead NFS server, a sensor's file in /sys): a few helper
// threads that make them, and jobs that can be left behind.
//
// A thread in such a call is in the kernel's uninterruptible sleep: it cannot be cancelled or joined. So threads are
// detached and share ownership of the pool's state, each job outlives its asker, and the number of threads is bounded:
// when all hang, further jobs stay queued, which their askers can see. A pool without jobs has no thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace resmon::collect {

class HelperPool {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State { kIdle, kQueued, kRunning, kDone };

  // One thing that is asked again and again; at most one question at a time. While it is queued or running, its members
  // belong to the helper; at other times to the asker.
  class Job {
   public:
    Job() = default;
    virtual ~Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

   private:
    friend class HelperPool;
    virtual void run() = 0;       // on a helper thread; must not throw
    State state_ = State::kIdle;  // belongs to the pool's lock, like the next
    Clock::duration took_{};
  };

  explicit HelperPool(std::size_t most_threads);
  ~HelperPool();  // waits for no job
  HelperPool(const HelperPool&) = delete;
  HelperPool& operator=(const HelperPool&) = delete;

  State state(const Job& job) const;
  void ask(const std::shared_ptr<Job>& job);  // REQUIRES: idle
  // Waits until `deadline` for the job to be done.
  bool wait(const Job& job, Clock::time_point deadline);
  // REQUIRES: done. The job is idle then. Returns how long it ran.
  Clock::duration take(Job& job);

 private:
  struct Common {
    Mutex mutex;
    Condition work;
    Condition done;
    std::vector<std::shared_ptr<Job>> queue GUARDED_BY(mutex);
    std::size_t threads GUARDED_BY(mutex) = 0;
    std::size_t waiting GUARDED_BY(mutex) = 0;
    bool stop GUARDED_BY(mutex) = false;
  };
  static void run(const std::shared_ptr<Common>& common);

  const std::size_t most_threads_;
  std::shared_ptr<Common> common_ = std::make_shared<Common>();
};

}  // namespace resmon::collect
