#pragma once

// When the commit thread writes, syncs and stores cursors, and when it is to be woken for that before its time. Pure:
// it is told the time, and what waits. Guarded by the journal's mutex.

#include <chrono>
#include <cstdint>
#include <optional>

#include "journal/journal.h"

namespace resmon::journal {

class Schedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What is there to be done.
  struct Backlog {
    std::uint64_t waiting_bytes = 0;    // appended and not durable
    std::uint64_t unwritten_bytes = 0;  // of those
    std::optional<Time> cursors_since;  // when the oldest change of a cursor was that is not stored
    bool doomed_files = false;          // they can go when the cursors are stored
  };
  struct Due {
    bool write = false;
    bool sync = false;
    bool cursors = false;
  };

  explicit Schedule(const Options& options);

  // Bytes begin to wait: from here on the interval counts.
  void begin_waiting(Time now) { first_waiting_ = now; }

  // When there is work, if nobody nudges before; Time::max(): there is none.
  Time deadline(const Backlog& backlog) const;
  // What is to be done now, all of it if `forced`. A sync counts as begun.
  Due begin(const Backlog& backlog, bool forced, Time now);
  void succeeded() { failing_ = false; }
  void failed(Time now);

  // The last attempt failed.
  bool failing() const { return failing_; }
  // It did, and it is not yet time for the next.
  bool must_wait(Time now) const { return failing_ && now < retry_at_; }

  // Each of these is true if the thread is to be woken: it was not told before that there is work.
  bool nudge();
  bool nudge_for_sync();  // without waiting for the interval
  bool nudge_after_append(bool was_idle, std::uint64_t unwritten_bytes);
  bool nudged() const { return nudged_; }
  void take_nudge() { nudged_ = false; }

 private:
  const bool at_once_;  // what is appended is synced without an interval
  const std::chrono::milliseconds sync_interval_;
  const std::chrono::milliseconds cursor_interval_;
  const std::chrono::milliseconds retry_interval_;
  const std::uint64_t buffer_bytes_;
  Time first_waiting_{};
  Time retry_at_{};
  bool failing_ = false;
  bool want_sync_ = false;  // somebody asked, or append was refused for want of memory
  bool nudged_ = false;     // the thread has been told that there is work before its deadline
};

}  // namespace resmon::journal
