#pragma once

// Opens the journal's files, brings what is appended into them, and closes them: the commit thread, and callers of
// commit() and hand_over(). Its lock is held by whoever writes files, and taken before the state's mutex.

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"
#include "journal/cursor_store.h"
#include "journal/disk_space.h"
#include "journal/segment_writer.h"
#include "journal/state.h"

namespace resmon::journal {

class CAPABILITY("mutex") TimedMutex : public AnnotatedMutex<std::timed_mutex> {
 public:
  bool try_lock_for(std::chrono::milliseconds patience) TRY_ACQUIRE(true) { return standard().try_lock_for(patience); }
};
using IoLock = Locked<TimedMutex>;

class Committer {
 public:
  // `state` outlives it.
  explicit Committer(State& state)
      : state_(state), cursors_(state), space_(state, cursors_), writer_(state, cursors_, space_) {}

  // Before all else. Starts the thread, if there is to be one.
  Status open();
  // What Journal promises; see there.
  Status commit();
  Status hand_over(std::chrono::milliseconds patience);
  void set_total_weight(std::uint64_t weight);
  Status close();

 private:
  void begin_session() REQUIRES(io_);
  void run();
  bool wait_for_work();
  Status work(bool forced) REQUIRES(io_);
  Status settle_outcome(const Status& status) REQUIRES(io_);

  State& state_;
  TimedMutex io_ ACQUIRED_BEFORE(state_.mutex);
  CursorStore cursors_ GUARDED_BY(io_);
  DiskSpace space_ GUARDED_BY(io_);
  SegmentWriter writer_ GUARDED_BY(io_);
  std::unique_ptr<FileSystem::Lock> directory_lock_ GUARDED_BY(io_);
  std::thread thread_;
};

}  // namespace resmon::journal
