#pragma once

// What there is to commit, when it is due, and what wakes the commit thread for it; whether the last attempt failed.
// Schedule decides; this knows what waits. The journal's mutex guards it.

#include <cstdint>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "journal/blocks.h"
#include "journal/cursors.h"
#include "journal/journal.h"
#include "journal/schedule.h"
#include "journal/segments.h"

namespace resmon::journal {

class CommitTrigger {
 public:
  using Time = Schedule::Time;

  // All but `options` outlive it. `work_ready`: the commit thread waits for it.
  CommitTrigger(const Options& options, const Blocks& blocks, const Segments& segments, Cursors& cursors,
                Condition& work_ready)
      : schedule_(options), blocks_(blocks), segments_(segments), cursors_(cursors), work_ready_(work_ready) {}

  // For those who make work. Bytes begin to wait: from here on the interval counts.
  void begin_waiting(Time now) { schedule_.begin_waiting(now); }
  // Records were appended. True: `work_ready` is to be notified, best without the mutex.
  bool appended(bool was_idle) { return schedule_.nudge_after_append(was_idle, blocks_.unwritten_bytes()); }
  // Records were refused: a sync makes room for the next.
  void refused();
  // What waits is to be synced without waiting for the interval. True: `work_ready` is to be notified.
  bool sync_soon() { return blocks_.waiting_bytes() > 0 && schedule_.nudge_for_sync(); }
  // The cursors are to be written, an interval after the first change.
  void touch_cursors();
  // There will be no more.
  void stop();
  bool stopping() const { return stopping_; }

  // For the commit thread: waits until there is work. False: stopped.
  bool wait(Mutex& mutex) REQUIRES(mutex);
  // What is to be done now, all of it if `forced`; none: an attempt failed, and it is not yet time for the next.
  std::optional<Schedule::Due> begin(bool forced, Time now);
  // How an attempt ended. An error is returned as kUnavailable.
  Status end(const Status& status, Time now);
  bool must_wait(Time now) const { return schedule_.must_wait(now); }
  // False: all is in the kernel.
  bool anything_to_write() const { return blocks_.unwritten_bytes() > 0 || schedule_.failing(); }

  std::uint64_t failures() const { return failures_; }
  const std::string& error() const { return error_; }  // of the last attempt; empty: it succeeded

 private:
  Schedule::Backlog backlog() const;

  Schedule schedule_;
  const Blocks& blocks_;
  const Segments& segments_;
  Cursors& cursors_;
  Condition& work_ready_;
  bool stopping_ = false;
  std::uint64_t failures_ = 0;
  std::string error_;
};

}  // namespace resmon::journal
