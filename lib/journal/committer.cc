#include "journal/committer.h"

#include <optional>
#include <string>
#include <utility>

namespace resmon::journal {

namespace {

constexpr std::uint64_t kMinimumLimit = 128U << 10U;

}  // namespace

Status Committer::open() {
  const Options& options = state_.options;
  if (options.limit_bytes < kMinimumLimit)
    return fail(ErrorKind::kInvalid, "a journal needs at least " + std::to_string(kMinimumLimit) + " bytes");
  RESMON_TRY(state_.files.make_directory(options.directory));
  const IoLock io_lock(io_);
  RESMON_ASSIGN(directory_lock_, state_.files.lock(state_.path("lock")));
  RESMON_ASSIGN(Recovery::Found found, Recovery(options, state_.files).run(cursors_.file()));
  writer_.begin_after({found.existing_position, found.tally.weight});
  state_.take_over(std::move(found));
  begin_session();
  if (options.own_thread) thread_ = std::thread([this] { run(); });
  return {};
}

void Committer::begin_session() {
  // Now, while there is room for the file; and positions to be skipped next time must be on disk before one is given
  // out.
  if (auto written = cursors_.write(); !written)
    state_.opened.findings.push_back("the cursors cannot be written: " + written.error().message);
  // A file without records must not come back with some that were never acknowledged, once others have their
  // positions.
  bool any_doomed = false;
  {
    const MutexLock lock(state_.mutex);
    any_doomed = state_.segments.discarded().any_doomed();
  }
  if (!any_doomed) return;
  space_.remove_doomed();
  if (state_.options.sync != Sync::kOff) (void)state_.files.sync_directory(state_.options.directory);
}

void Committer::run() {
  while (wait_for_work()) {
    const IoLock io_lock(io_);
    (void)work(false);  // the error is in stats, and the next round tries again
  }
}

// False: the journal is being closed.
bool Committer::wait_for_work() {
  const MutexLock lock(state_.mutex);
  return state_.trigger.wait(state_.mutex);
}

Status Committer::work(bool forced) {
  std::optional<Schedule::Due> due;
  {
    const MutexLock lock(state_.mutex);
    due = state_.trigger.begin(forced, std::chrono::steady_clock::now());
  }
  if (!due) return {};
  Status status;
  if (due->cursors) status = cursors_.write();
  space_.remove_doomed();
  if (due->write) {
    Status written = writer_.write();
    if (written && (due->sync || state_.options.sync == Sync::kOff)) written = writer_.sync();
    if (!written) {
      writer_.give_up();
      status = std::move(written);
    }
  }
  return settle_outcome(status);
}

// What stats say of it, and when it is tried again.
Status Committer::settle_outcome(const Status& status) {
  const MutexLock lock(state_.mutex);
  return state_.trigger.end(status, std::chrono::steady_clock::now());
}

Status Committer::commit() {
  const IoLock io_lock(io_);
  {
    const MutexLock lock(state_.mutex);
    if (state_.trigger.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
  }
  return work(true);
}

// What is appended goes to the kernel, and no further than that needs.
Status Committer::hand_over(std::chrono::milliseconds patience) {
  if (!io_.try_lock_for(patience)) return fail(ErrorKind::kUnavailable, "the disk is busy with what came before");
  const IoLock io_lock(io_, std::adopt_lock);
  bool removals = false;
  {
    const MutexLock lock(state_.mutex);
    if (state_.trigger.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
    if (state_.trigger.must_wait(std::chrono::steady_clock::now()))
      return fail(ErrorKind::kUnavailable, state_.trigger.error());
    if (!state_.trigger.anything_to_write()) return {};
    removals = state_.segments.discarded().any_doomed();
  }
  Status written;
  if (removals) written = cursors_.write();
  if (written) {
    if (removals) space_.remove_doomed();
    written = writer_.write();
    if (!written) writer_.give_up();
    if (written) writer_.write_tally();
  }
  return settle_outcome(written);
}

void Committer::set_total_weight(std::uint64_t weight) {
  const IoLock io_lock(io_);
  writer_.set_total_weight(weight);
  const MutexLock lock(state_.mutex);
  state_.appender.set_total_weight(weight);
}

Status Committer::close() {
  {
    const MutexLock lock(state_.mutex);
    if (state_.closed) return {};
    state_.trigger.stop();
    state_.progressed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const IoLock io_lock(io_);
  {
    const MutexLock lock(state_.mutex);
    state_.closed = true;
    state_.cursors.touch(std::chrono::steady_clock::now());
  }
  Status status = work(true);
  if (status && writer_.put_last_mark()) status = work(true);
  writer_.close();
  cursors_.close();
  directory_lock_.reset();
  return status;
}

}  // namespace resmon::journal
