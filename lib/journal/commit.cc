// Writing: whoever holds `io_`, the commit thread or a caller of commit().
//
// After a failed fdatasync the kernel may have marked the pages clean, so that the next one reports success for data
// that is nowhere (fsyncgate, PostgreSQL 2018; Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
// So nothing is ever synced twice: the file is given up at its last durable byte, and what was not durable, which is
// still in memory, is written to a new file of the same group. Failed writes take the same path; there is no other.
//
// A file is synced before its successor is begun, so that only the last can have a torn end, and records become durable
// in order. Removal comes after the cursors that allow it are durable, and before the creation it makes room for.

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "journal/state.h"

namespace resmon::journal {

namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

void State::run() {
  while (wait_for_work()) {
    const IoLock io_lock(io_);
    (void)work(false);  // the error is in stats, and the next round tries again
  }
}

// False: the journal is being closed.
bool State::wait_for_work() {
  const MutexLock lock(mutex_);
  return trigger_.wait(mutex_);
}

Status State::work(bool forced) {
  std::optional<Schedule::Due> due;
  {
    const MutexLock lock(mutex_);
    due = trigger_.begin(forced, SteadyClock::now());
  }
  if (!due) return {};
  Status status;
  if (due->cursors) status = write_cursors();
  remove_doomed();
  if (due->write) {
    Status written = write_blocks();
    if (written && (due->sync || options_.sync == Sync::kOff)) written = sync_active();
    if (!written) {
      give_up_active();
      status = std::move(written);
    }
  }
  return settle_outcome(status);
}

// What stats say of it, and when it is tried again.
Status State::settle_outcome(const Status& status) {
  const MutexLock lock(mutex_);
  return trigger_.end(status, SteadyClock::now());
}

Status State::commit() {
  const IoLock io_lock(io_);
  {
    const MutexLock lock(mutex_);
    if (trigger_.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
  }
  return work(true);
}

// What is appended goes to the kernel, and no further than that needs.
Status State::hand_over(std::chrono::milliseconds patience) {
  if (!io_.try_lock_for(patience)) return fail(ErrorKind::kUnavailable, "the disk is busy with what came before");
  const IoLock io_lock(io_, std::adopt_lock);
  bool removals = false;
  {
    const MutexLock lock(mutex_);
    if (trigger_.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
    if (trigger_.must_wait(SteadyClock::now())) return fail(ErrorKind::kUnavailable, trigger_.error());
    if (!trigger_.anything_to_write()) return {};
    removals = segments_.any_doomed();
  }
  Status written;
  if (removals) written = write_cursors();
  if (written) {
    if (removals) remove_doomed();
    written = write_blocks();
    if (!written) give_up_active();
    if (written) write_tally(false);
  }
  return settle_outcome(written);
}

void State::sync_soon() {
  {
    const MutexLock lock(mutex_);
    if (!trigger_.sync_soon()) return;
  }
  work_ready_.notify_one();
}

Status State::write_cursors() {
  CursorSlot slot;
  std::uint64_t taken = 0;
  {
    const MutexLock lock(mutex_);
    slot.journal_id = journal_id_;
    // At an orderly end it is known; otherwise there is room to give out more before the next of these is written.
    slot.next_position = reserve_.next_position(appender_.last_position(), closed_);
    slot.cursors = cursors_.snapshot();
    taken = cursors_.snapshots();
  }
  const std::uint64_t next = slot.next_position;
  Status written = cursor_file_.write(std::move(slot));
  const MutexLock lock(mutex_);
  if (written) {
    cursors_durable_ = taken;
    reserve_.stored(next);
  } else {
    cursors_.touch(SteadyClock::now());
  }
  return written;
}

void State::write_tally(bool durable) {
  cursor_file_.write_tally({journal_id_, (durable ? written_ : existing_).position, written_.position, written_.weight,
                            Clock::system().wall()});
}

// What cannot be removed stays on the list, and on the account.
void State::remove_doomed() {
  std::vector<Doomed> list;
  {
    const MutexLock lock(mutex_);
    // Without any cursors on disk, and with a disk too full for them, waiting for them would be waiting for ever; then
    // a crash makes readers begin at the oldest kept, and they say so. Files stay on the account until they are gone.
    list = segments_.removable(cursors_durable_, cursor_file_.generation() == 0);
  }
  if (list.empty()) return;
  std::vector<std::string> gone;
  for (const Doomed& file : list) {
    // A reader may have it open, and an open file keeps its space.
    Status removed;
    if (auto opened = files_.open(path(file.name)); !opened)
      removed = fail(std::move(opened).error());
    else
      removed = (*opened)->truncate(0);
    if (removed) removed = files_.remove(path(file.name));
    if (removed || removed.error().kind == ErrorKind::kNotFound) gone.push_back(file.name);
  }
  const MutexLock lock(mutex_);
  segments_.removed(gone);
}

Status State::make_physical_room(std::uint64_t group, std::uint64_t bytes) {
  {
    const MutexLock lock(mutex_);
    if (segments_.physical_bytes() + bytes <= options_.limit_bytes) return {};
    if (!retention_.make_room(bytes - std::min(bytes, segments_.reserved_for(group)), durable_position()))
      return fail(ErrorKind::kUnavailable, "the journal is full: a reader that must not lose is behind");
  }
  RESMON_TRY(write_cursors());
  remove_doomed();
  const MutexLock lock(mutex_);
  if (segments_.physical_bytes() + bytes > options_.limit_bytes)
    return fail(ErrorKind::kUnavailable, "the journal is full: old segments cannot be removed");
  return {};
}

Status State::begin_file(std::uint64_t group, std::uint64_t first) {
  std::uint64_t bytes = 0;
  {
    const MutexLock lock(mutex_);
    const std::uint64_t waiting = kSegmentHeaderBytes + blocks_.not_durable_of(group);
    bytes = std::max(segments_.left_of(group, options_.segment_bytes), waiting);
    bytes = (bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
  }
  RESMON_TRY(make_physical_room(group, allotment(bytes)));
  RESMON_ASSIGN(std::shared_ptr<File> file, files_.create(path(segment_name(first))));
  {
    // On the account from here on, so that giving it up finds it whatever fails.
    const MutexLock lock(mutex_);
    segments_.begin_file(first, group, allotment(bytes));
  }
  active_.emplace(std::move(file), first, group, bytes);
  if (options_.preallocate) RESMON_TRY(active_->reserve());
  return active_->append(encode_segment_header({journal_id_, first, group, existing_.position}));
}

Status State::write_blocks() {
  std::vector<Blocks::Slice> slices;
  {
    const MutexLock lock(mutex_);
    slices = blocks_.unwritten();
  }
  for (const Blocks::Slice& slice : slices) {
    const Block& block = *slice.block;
    if (active_ && active_->group() != block.group) RESMON_TRY(finish_active());
    if (!active_) RESMON_TRY(begin_file(block.group, block.written_last + 1));
    const std::size_t bytes = slice.end - block.written;
    if (!active_->has_room(bytes)) {
      const std::uint64_t more = (bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
      RESMON_TRY(make_physical_room(block.group, more));
      const MutexLock lock(mutex_);
      active_->add_room(more);
      segments_.grow(active_->first(), more);
    }
    RESMON_TRY(active_->append({block.bytes.get() + block.written, bytes}));
    written_ = {slice.last, slice.weight};
    const MutexLock lock(mutex_);
    blocks_.written(slice);
  }
  return {};
}

Status State::sync_active() {
  if (!active_ || active_->is_durable()) return {};
  if (options_.sync != Sync::kOff) {
    const auto begin = SteadyClock::now();
    RESMON_TRY(active_->sync());
    const auto took = SteadyClock::now() - begin;
    RESMON_TRY(active_->sync_name(files_, options_.directory));
    const MutexLock lock(mutex_);
    ++counters_.syncs;
    counters_.last_sync_duration = took;
  }
  active_->set_durable();
  write_tally(true);
  publish();
  return {};
}

Status State::finish_active() {
  RESMON_TRY(sync_active());
  const bool shortened = static_cast<bool>(active_->cut_to_durable());
  const MutexLock lock(mutex_);
  if (shortened) segments_.set_allotted(active_->first(), allotment(active_->durable_bytes()));
  active_.reset();
  return {};
}

// The file ends at its last durable byte, and is none without one; the rest is written again, to another.
void State::give_up_active() {
  if (active_) {
    bool removed = false;
    {
      const MutexLock lock(mutex_);
      removed = segments_.doom_if_empty(active_->first());
      if (removed) segments_.reserve(active_->group(), allotment(options_.segment_bytes));
    }
    if (removed) {
      active_.reset();
      remove_doomed();
    } else {
      const bool shortened = static_cast<bool>(active_->cut_to_durable());
      const std::uint64_t durable = active_->durable_bytes();
      const MutexLock lock(mutex_);
      if (shortened) segments_.set_allotted(active_->first(), allotment(durable));
      const std::uint64_t rest = options_.segment_bytes - std::min(options_.segment_bytes, durable);
      segments_.reserve(active_->group(), allotment(rest));
      active_.reset();
    }
  }
  const MutexLock lock(mutex_);
  blocks_.back_to_durable();
  written_ = existing_;
}

void State::publish() {
  std::vector<std::function<void()>> wakes;
  std::vector<std::function<void(std::uint64_t)>> callbacks;
  existing_ = written_;
  {
    const MutexLock lock(mutex_);
    blocks_.written_is_durable();
    segments_.durable_through(active_->first(), written_.position);
    if (written_.position > durable_position_.load()) durable_position_.store(written_.position);
    blocks_.evict(options_.cache_bytes);
    trim();
    collect_wakes(written_.position, wakes);
    callbacks = durable_callbacks_;
    progressed_.notify_all();
  }
  for (const auto& wake : wakes) wake();
  for (const auto& callback : callbacks) callback(written_.position);
}

// Says of the last records that they were durable: damage in them is then damage, not an end that was torn. False:
// there is no room for it.
bool State::put_last_mark() {
  if (!active_ || options_.sync == Sync::kOff || !active_->has_room(kMarkBytes)) return false;
  const MutexLock lock(mutex_);
  return appender_.put_mark_in(active_->group(), durable_position());
}

Status State::close() {
  {
    const MutexLock lock(mutex_);
    if (closed_) return {};
    trigger_.stop();
    progressed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const IoLock io_lock(io_);
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    cursors_.touch(SteadyClock::now());
  }
  Status status = work(true);
  if (status && put_last_mark()) status = work(true);
  if (active_) (void)active_->cut_to_durable();
  active_.reset();
  cursor_file_.close();
  directory_lock_.reset();
  return status;
}

}  // namespace resmon::journal
