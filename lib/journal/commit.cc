// Writing: whoever holds `io`, the commit thread or a caller of commit().
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
  std::unique_lock lock(mutex);
  while (!stopping) {
    auto deadline = SteadyClock::time_point::max();
    if (failing) {
      deadline = retry_at;
    } else {
      if (waiting_bytes > 0) deadline = first_waiting + options.sync_interval;
      if (cursors_dirty) deadline = std::min(deadline, cursors_dirty_since + options.cursor_interval);
    }
    const auto woken = [&] { return stopping || nudged; };
    if (deadline == SteadyClock::time_point::max())
      work_ready.wait(lock, woken);
    else
      work_ready.wait_until(lock, deadline, woken);
    nudged = false;
    if (stopping) break;
    lock.unlock();
    {
      const std::lock_guard io_lock(io);
      (void)work(false);  // the error is in stats, and the next round tries again
    }
    lock.lock();
  }
}

Status State::work(bool forced) {
  bool write_due = forced;
  bool sync_due = forced;
  bool cursors_due = forced;
  {
    const std::lock_guard lock(mutex);
    const auto now = SteadyClock::now();
    if (failing && !forced && now < retry_at) return {};
    const bool due = failing || options.sync == Sync::kImmediate || now >= first_waiting + options.sync_interval;
    if (waiting_bytes > 0) {
      sync_due = sync_due || due || want_sync || waiting_bytes >= options.buffer_bytes / 2;
      write_due = sync_due || unwritten_bytes >= options.buffer_bytes / 8;
    }
    if (sync_due) {
      first_waiting = now;
      want_sync = false;
    }
    cursors_due = cursors_dirty && (forced || failing || now >= cursors_dirty_since + options.cursor_interval ||
                                    (write_due && !doomed.empty()));
  }
  Status status;
  if (cursors_due) status = write_cursors();
  remove_doomed();
  if (write_due) {
    Status written = write_blocks();
    if (written && (sync_due || options.sync == Sync::kOff)) written = sync_active();
    if (!written) {
      give_up_active();
      status = std::move(written);
    }
  }
  const std::lock_guard lock(mutex);
  if (status) {
    failing = false;
    counters.error.clear();
    return {};
  }
  failing = true;
  ++counters.failures;
  counters.error = status.error().message;
  retry_at = SteadyClock::now() + options.retry_interval;
  return fail(ErrorKind::kUnavailable, status.error().message);
}

// What is appended goes to the kernel, and no further than that needs.
Status State::hand_over(std::chrono::milliseconds patience) {
  const std::unique_lock io_lock(io, patience);
  if (!io_lock.owns_lock()) return fail(ErrorKind::kUnavailable, "the disk is busy with what came before");
  bool removals = false;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return fail(ErrorKind::kUnavailable, "the journal is closed");
    if (failing && SteadyClock::now() < retry_at) return fail(ErrorKind::kUnavailable, counters.error);
    if (unwritten_bytes == 0 && !failing) return {};
    removals = !doomed.empty();
  }
  Status written;
  if (removals) written = write_cursors();
  if (written) {
    if (removals) remove_doomed();
    written = write_blocks();
    if (!written) give_up_active();
    if (written) write_tally(false);
  }
  const std::lock_guard lock(mutex);
  if (written) {
    failing = false;
    counters.error.clear();
    return {};
  }
  failing = true;
  ++counters.failures;
  counters.error = written.error().message;
  retry_at = SteadyClock::now() + options.retry_interval;
  return fail(ErrorKind::kUnavailable, written.error().message);
}

void State::sync_soon() {
  {
    const std::lock_guard lock(mutex);
    if (waiting_bytes == 0 || failing) return;
    want_sync = true;
    if (std::exchange(nudged, true)) return;
  }
  work_ready.notify_one();
}

Status State::open_cursor_file() {
  if (cursor_file != nullptr) return {};
  const std::string name = path("cursors");
  auto opened = files.open(name);
  if (!opened) {
    if (opened.error().kind != ErrorKind::kNotFound) return fail(std::move(opened).error());
    opened = files.create(name);
    if (!opened) return fail(std::move(opened).error());
  }
  if (auto reserved = (*opened)->allocate(kCursorFileBytes);
      !reserved && reserved.error().kind != ErrorKind::kUnsupported)
    return fail(std::move(reserved).error());
  if (options.sync != Sync::kOff) RESMON_TRY(files.sync_directory(options.directory));
  if (!cursor_bytes.empty()) {
    // What open read may be in the kernel's memory only, after a sync that failed; the other slot must not be touched
    // before this one is on the device.
    RESMON_TRY(write_all(**opened, cursor_generation % 2 * kCursorSlotBytes, cursor_bytes));
    if (options.sync != Sync::kOff) RESMON_TRY((*opened)->sync());
    cursor_bytes.clear();
  }
  cursor_file = std::move(opened).value();
  return {};
}

Status State::write_cursors() {
  CursorSlot slot;
  std::uint64_t taken = 0;
  {
    const std::lock_guard lock(mutex);
    taken = ++cursors_taken;
    slot.journal_id = journal_id;
    slot.generation = cursor_generation + 1;
    // At an orderly end it is known; otherwise there is room to give out more before the next of these is written.
    slot.next_position = last_position + 1 + (options.never_reuse_positions && !closed ? options.reserve_positions : 0);
    for (const auto& [name, cursor] : cursors) {
      slot.cursors.push_back(cursor.entry);
      slot.cursors.back().dropped += cursor.in_flight;
    }
    cursors_dirty = false;
  }
  // The two slots take turns. A slot whose write failed is the one to write next: the other is still good.
  const auto write = [&]() -> Status {
    RESMON_TRY(open_cursor_file());
    RESMON_TRY(write_all(*cursor_file, slot.generation % 2 * kCursorSlotBytes, encode_cursor_slot(slot)));
    if (options.sync != Sync::kOff) RESMON_TRY(cursor_file->sync());
    return {};
  };
  Status written = write();
  const std::lock_guard lock(mutex);
  if (written) {
    cursor_generation = slot.generation;
    cursors_durable = taken;
    reserved_position = slot.next_position - 1;
  } else if (!cursors_dirty) {
    cursors_dirty = true;
    cursors_dirty_since = SteadyClock::now();
  }
  return written;
}

// Its failure costs what it is for and nothing else: the records are there.
void State::write_tally(bool durable) {
  if (cursor_file == nullptr) return;
  const Tally tally{journal_id, durable ? written_position : existing_position, written_position, written_weight,
                    Clock::system().wall()};
  (void)write_all(*cursor_file, kTallyOffset, encode_tally(tally));
}

// What cannot be removed stays on the list, and on the account.
void State::remove_doomed() {
  std::vector<Doomed> list;
  {
    const std::lock_guard lock(mutex);
    // Without any cursors on disk, and with a disk too full for them, waiting for them would be waiting for ever; then
    // a crash makes readers begin at the oldest kept, and they say so. Files stay on the account until they are gone.
    for (const Doomed& file : doomed)
      if (file.after <= cursors_durable || cursor_generation == 0) list.push_back(file);
  }
  if (list.empty()) return;
  std::vector<std::string> gone;
  for (const Doomed& file : list) {
    // A reader may have it open, and an open file keeps its space.
    Status removed;
    if (auto opened = files.open(file.path); !opened)
      removed = fail(std::move(opened).error());
    else
      removed = (*opened)->truncate(0);
    if (removed) removed = files.remove(file.path);
    if (removed || removed.error().kind == ErrorKind::kNotFound) gone.push_back(file.path);
  }
  const std::lock_guard lock(mutex);
  std::erase_if(doomed,
                [&](const Doomed& file) { return std::find(gone.begin(), gone.end(), file.path) != gone.end(); });
}

Status State::make_physical_room(std::uint64_t group, std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex);
    if (physical_bytes() + bytes <= options.limit_bytes) return {};
    std::uint64_t reserved = 0;
    for (const Group& one : groups)
      if (one.first == group) reserved = one.reserved;
    if (!make_room(bytes - std::min(bytes, reserved)))
      return fail(ErrorKind::kUnavailable, "the journal is full: a reader that must not lose is behind");
  }
  RESMON_TRY(write_cursors());
  remove_doomed();
  const std::lock_guard lock(mutex);
  if (physical_bytes() + bytes > options.limit_bytes)
    return fail(ErrorKind::kUnavailable, "the journal is full: old segments cannot be removed");
  return {};
}

// Where a small disk has no room for the whole segment, half of what it has room for is reserved: the store has to
// write, too. The file grows as it is written to.
Status State::reserve(File& file, std::uint64_t bytes) {
  constexpr std::uint64_t kLeast = 64U << 10U;
  bool whole = true;
  while (true) {
    Status reserved = file.allocate(bytes);
    if (reserved && !whole) return file.truncate(bytes / 2);
    if (reserved || reserved.error().kind == ErrorKind::kUnsupported) return {};
    if (bytes / 2 < kLeast) return reserved;
    bytes /= 2;
    whole = false;
    RESMON_TRY(file.truncate(0));
  }
}

Status State::begin_file(std::uint64_t group, std::uint64_t first) {
  std::uint64_t bytes = options.segment_bytes;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [position, segment] : segments)
      if (segment.group == group)
        bytes -= std::min(bytes, segment.allotted - std::min(segment.allotted, 2 * kDiskBlock));
    std::uint64_t waiting = kSegmentHeaderBytes;
    for (const auto& block : blocks)
      if (block->group == group) waiting += block->size - block->durable;
    bytes = (std::max(bytes, waiting) + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
  }
  RESMON_TRY(make_physical_room(group, allotment(bytes)));
  const std::string name = path(segment_name(first));
  RESMON_ASSIGN(std::shared_ptr<File> file, files.create(name));
  {
    // On the account from here on, so that giving it up finds it whatever fails.
    const std::lock_guard lock(mutex);
    segments[first] = {first, first - 1, group, allotment(bytes), 0};
    for (Group& one : groups)
      if (one.first == group) one.reserved = 0;
  }
  active = Active{file, first, group, 0, 0, bytes, false};
  if (options.preallocate) RESMON_TRY(reserve(*file, bytes));
  RESMON_TRY(write_all(*file, 0, encode_segment_header({journal_id, first, group, existing_position})));
  active->size = kSegmentHeaderBytes;
  return {};
}

Status State::write_blocks() {
  struct Slice {
    std::shared_ptr<Block> block;
    std::size_t end = 0;
    std::uint64_t last = 0;
    std::uint64_t weight = 0;
  };
  std::vector<Slice> slices;
  {
    const std::lock_guard lock(mutex);
    for (const auto& block : blocks)
      if (block->written < block->size) slices.push_back({block, block->size, block->last, block->weight});
  }
  for (const Slice& slice : slices) {
    Block& block = *slice.block;
    if (active && active->group != block.group) RESMON_TRY(finish_active());
    if (!active) RESMON_TRY(begin_file(block.group, block.written_last + 1));
    const std::size_t bytes = slice.end - block.written;
    if (active->size + bytes > active->room) {
      const std::uint64_t more = (bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
      RESMON_TRY(make_physical_room(block.group, more));
      const std::lock_guard lock(mutex);
      active->room += more;
      segments[active->first].allotted += more;
    }
    RESMON_TRY(write_all(*active->file, active->size, {block.bytes.get() + block.written, bytes}));
    active->size += bytes;
    written_position = slice.last;
    written_weight = slice.weight;
    const std::lock_guard lock(mutex);
    block.written = slice.end;
    block.written_last = slice.last;
    unwritten_bytes -= bytes;
  }
  return {};
}

Status State::sync_active() {
  if (!active || active->durable_size == active->size) return {};
  if (options.sync != Sync::kOff) {
    const auto begin = SteadyClock::now();
    RESMON_TRY(active->file->sync());
    const auto took = SteadyClock::now() - begin;
    if (!active->directory_synced) RESMON_TRY(files.sync_directory(options.directory));
    active->directory_synced = true;
    const std::lock_guard lock(mutex);
    ++counters.syncs;
    counters.last_sync_duration = took;
  }
  active->durable_size = active->size;
  write_tally(true);
  publish();
  return {};
}

Status State::finish_active() {
  RESMON_TRY(sync_active());
  const bool shortened = static_cast<bool>(active->file->truncate(active->size));
  const std::lock_guard lock(mutex);
  if (shortened) segments[active->first].allotted = allotment(active->size);
  active.reset();
  return {};
}

void State::give_up_active() {
  if (active) {
    std::unique_lock lock(mutex);
    const auto at = segments.find(active->first);
    if (at != segments.end() && at->second.last < at->second.first) {
      doomed.push_back({path(segment_name(at->first)), at->second.allotted, 0});
      segments.erase(at);
      for (Group& group : groups)
        if (group.first == active->group) group.reserved = allotment(options.segment_bytes);
      active.reset();
      lock.unlock();
      remove_doomed();
    } else {
      lock.unlock();
      const bool shortened = static_cast<bool>(active->file->truncate(active->durable_size));
      lock.lock();
      const auto again = segments.find(active->first);
      if (shortened && again != segments.end()) again->second.allotted = allotment(active->durable_size);
      for (Group& group : groups)
        if (group.first == active->group)
          group.reserved = allotment(options.segment_bytes - std::min(options.segment_bytes, active->durable_size));
      active.reset();
    }
  }
  const std::lock_guard lock(mutex);
  unwritten_bytes = 0;
  for (const auto& block : blocks) {
    block->written = block->durable;
    block->written_last = block->durable_last;
    unwritten_bytes += block->size - block->durable;
  }
  written_position = existing_position;
  written_weight = existing_weight;
}

void State::publish() {
  std::vector<std::function<void()>> wakes;
  std::vector<std::function<void(std::uint64_t)>> callbacks;
  existing_position = written_position;
  existing_weight = written_weight;
  {
    const std::lock_guard lock(mutex);
    for (const auto& block : blocks) {
      waiting_bytes -= block->written - block->durable;
      block->durable = block->written;
      block->durable_last = block->written_last;
    }
    segments[active->first].last = written_position;
    if (written_position > durable_position.load()) durable_position.store(written_position);
    while (!blocks.empty() && blocks.front()->durable == blocks.front()->size &&
           memory_bytes - waiting_bytes > options.cache_bytes) {
      std::shared_ptr<Block> block = std::move(blocks.front());
      blocks.pop_front();
      memory_bytes -= block->size;
      if (block.use_count() == 1 && block->capacity == block_bytes && spare_blocks.size() < 4)
        spare_blocks.push_back(std::move(block));
    }
    trim();
    collect_wakes(written_position, wakes);
    callbacks = durable_callbacks;
    progressed.notify_all();
  }
  for (const auto& wake : wakes) wake();
  for (const auto& callback : callbacks) callback(written_position);
}

Status State::close() {
  {
    const std::lock_guard lock(mutex);
    if (closed) return {};
    stopping = true;
    work_ready.notify_all();
    progressed.notify_all();
  }
  if (thread.joinable()) thread.join();
  const std::lock_guard io_lock(io);
  {
    const std::lock_guard lock(mutex);
    closed = true;
    cursors_dirty = true;
  }
  Status status = work(true);
  if (status && active && options.sync != Sync::kOff) {
    // Says of the last records that they were durable: damage in them is then damage, not an end that was torn.
    bool marked = false;
    {
      const std::lock_guard lock(mutex);
      if (active->size + kMarkBytes <= active->room && !groups.empty() && groups.back().first == active->group) {
        put_mark();
        marked = true;
      }
    }
    if (marked) status = work(true);
  }
  if (active) (void)active->file->truncate(active->durable_size);
  active.reset();
  cursor_file.reset();
  directory_lock.reset();
  return status;
}

}  // namespace resmon::journal
