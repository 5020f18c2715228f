#include "journal/schedule.h"

#include <algorithm>

namespace resmon::journal {

Schedule::Schedule(const Options& options)
    : at_once_(options.sync == Sync::kImmediate),
      sync_interval_(options.sync_interval),
      cursor_interval_(options.cursor_interval),
      retry_interval_(options.retry_interval),
      buffer_bytes_(options.buffer_bytes) {}

Schedule::Time Schedule::deadline(const Backlog& backlog) const {
  if (failing_) return retry_at_;
  Time deadline = Time::max();
  if (backlog.waiting_bytes > 0) deadline = first_waiting_ + sync_interval_;
  if (backlog.cursors_since) deadline = std::min(deadline, *backlog.cursors_since + cursor_interval_);
  return deadline;
}

Schedule::Due Schedule::begin(const Backlog& backlog, bool forced, Time now) {
  Due due{forced, forced, false};
  if (backlog.waiting_bytes > 0) {
    const bool time_is_up = failing_ || at_once_ || now >= first_waiting_ + sync_interval_;
    due.sync = due.sync || time_is_up || want_sync_ || backlog.waiting_bytes >= buffer_bytes_ / 2;
    due.write = due.sync || backlog.unwritten_bytes >= buffer_bytes_ / 8;
  }
  if (due.sync) {
    first_waiting_ = now;
    want_sync_ = false;
  }
  due.cursors = backlog.cursors_since && (forced || failing_ || now >= *backlog.cursors_since + cursor_interval_ ||
                                          (due.write && backlog.doomed_files));
  return due;
}

void Schedule::failed(Time now) {
  failing_ = true;
  retry_at_ = now + retry_interval_;
}

bool Schedule::nudge() {
  if (nudged_) return false;
  nudged_ = true;
  return true;
}

bool Schedule::nudge_for_sync() {
  if (failing_) return false;
  want_sync_ = true;
  return nudge();
}

// The thread sleeps without a deadline while nothing waits, and otherwise until the interval is over.
bool Schedule::nudge_after_append(bool was_idle, std::uint64_t unwritten_bytes) {
  const bool pressing = at_once_ || unwritten_bytes >= buffer_bytes_ / 8;
  return !failing_ && (pressing || was_idle) && nudge();
}

}  // namespace resmon::journal
