#pragma once

// statfs(2) where it may never return: a few helper threads that make the calls, and calls that can be left behind.
//
// A thread in statfs on a dead NFS server is in the kernel's uninterruptible sleep: it cannot be cancelled or joined.
// So threads are detached and share ownership of the pool's state, each call outlives its asker, and the number of
// threads is bounded: when all hang, further calls stay queued, which their askers can see.

#include <sys/vfs.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collect/shared.h"

namespace resmon::collect {

class StatfsPool {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State { kIdle, kQueued, kRunning, kDone };

  // One path, asked again and again; at most one question at a time. All members but `path` belong to the pool's lock.
  struct Call {
    explicit Call(std::string p) : path(std::move(p)) {}
    const std::string path;
    State state = State::kIdle;
    int error_number = 0;
    struct ::statfs value {};
    std::optional<Device> device;
    Clock::duration took{};
  };
  struct Answer {
    int error_number = 0;
    struct ::statfs value {};
    std::optional<Device> device;
    Clock::duration took{};
  };

  StatfsPool(StatfsFunction function, DeviceFunction device_function, std::size_t most_threads);
  ~StatfsPool();  // waits for no call
  StatfsPool(const StatfsPool&) = delete;
  StatfsPool& operator=(const StatfsPool&) = delete;

  State state(const Call& call) const;
  void ask(const std::shared_ptr<Call>& call);  // REQUIRES: idle
  // Waits until `deadline` for the call to be done.
  bool wait(const Call& call, Clock::time_point deadline);
  Answer take(Call& call);  // REQUIRES: done. The call is idle then.
  std::size_t threads() const;

 private:
  struct Common {
    Common(StatfsFunction f, DeviceFunction d) : function(std::move(f)), device_function(std::move(d)) {}
    const StatfsFunction function;
    const DeviceFunction device_function;
    std::mutex mutex;
    std::condition_variable work;
    std::condition_variable done;
    std::vector<std::shared_ptr<Call>> queue;  // guarded by mutex, as all that follows
    std::size_t threads = 0;
    std::size_t waiting = 0;
    bool stop = false;
  };
  static void run(const std::shared_ptr<Common>& common);

  const std::size_t most_threads_;
  std::shared_ptr<Common> common_;
};

}  // namespace resmon::collect
