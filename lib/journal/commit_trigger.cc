#include "journal/commit_trigger.h"

namespace resmon::journal {

void CommitTrigger::refused() {
  if (!schedule_.nudged() && schedule_.nudge_for_sync()) work_ready_.notify_one();
}

void CommitTrigger::touch_cursors() {
  if (!cursors_.touch(std::chrono::steady_clock::now())) return;
  // The commit thread, if nothing else waits, sleeps without a deadline.
  if (blocks_.waiting_bytes() == 0 && schedule_.nudge()) work_ready_.notify_one();
}

void CommitTrigger::stop() {
  stopping_ = true;
  work_ready_.notify_all();
}

bool CommitTrigger::wait(Mutex& mutex) {
  const Time deadline = schedule_.deadline(backlog());
  while (!stopping_ && !schedule_.nudged()) {
    if (deadline == Time::max())
      work_ready_.wait(mutex);
    else if (!work_ready_.wait_until(mutex, deadline))
      break;
  }
  schedule_.take_nudge();
  return !stopping_;
}

std::optional<Schedule::Due> CommitTrigger::begin(bool forced, Time now) {
  if (!forced && schedule_.must_wait(now)) return std::nullopt;
  return schedule_.begin(backlog(), forced, now);
}

Status CommitTrigger::end(const Status& status, Time now) {
  if (status) {
    schedule_.succeeded();
    error_.clear();
    return {};
  }
  schedule_.failed(now);
  ++failures_;
  error_ = status.error().message;
  return fail(ErrorKind::kUnavailable, error_);
}

Schedule::Backlog CommitTrigger::backlog() const {
  Schedule::Backlog backlog{blocks_.waiting_bytes(), blocks_.unwritten_bytes(), {}, segments_.discarded().any_doomed()};
  if (cursors_.dirty()) backlog.cursors_since = cursors_.dirty_since();
  return backlog;
}

}  // namespace resmon::journal
