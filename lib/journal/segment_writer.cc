// Writing.
//
// After a failed fdatasync the kernel may have marked the pages clean, so that the next one reports success for data
// that is nowhere (fsyncgate, PostgreSQL 2018; Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
// So nothing is ever synced twice: the file is given up at its last durable byte, and what was not durable, which is
// still in memory, is written to a new file of the same group. Failed writes take the same path; there is no other.
//
// A file is synced before its successor is begun, so that only the last can have a torn end, and records become durable
// in order.

#include "journal/segment_writer.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace resmon::journal {

namespace {

constexpr std::uint64_t whole_disk_blocks(std::uint64_t bytes) {
  return (bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
}

}  // namespace

Status SegmentWriter::write() {
  std::vector<Blocks::Slice> slices;
  {
    const MutexLock lock(state_.mutex);
    slices = state_.blocks.unwritten();
  }
  for (const Blocks::Slice& slice : slices) {
    const Block& block = *slice.block;
    if (active_ && active_->group() != block.group) RESMON_TRY(finish());
    if (!active_) RESMON_TRY(begin_file(block.group, block.written_last + 1));
    const std::size_t bytes = slice.end - block.written;
    if (!active_->has_room(bytes)) {
      const std::uint64_t more = whole_disk_blocks(bytes);
      RESMON_TRY(space_.make_room(block.group, more));
      const MutexLock lock(state_.mutex);
      active_->add_room(more);
      state_.segments.grow(active_->first(), more);
    }
    RESMON_TRY(active_->append({block.bytes.get() + block.written, bytes}));
    written_ = {slice.last, slice.weight};
    const MutexLock lock(state_.mutex);
    state_.blocks.written(slice);
  }
  return {};
}

Status SegmentWriter::begin_file(std::uint64_t group, std::uint64_t first) {
  std::uint64_t bytes = 0;
  {
    const MutexLock lock(state_.mutex);
    const std::uint64_t waiting = kSegmentHeaderBytes + state_.blocks.not_durable_of(group);
    bytes = whole_disk_blocks(std::max(state_.segments.left_of(group, state_.options.segment_bytes), waiting));
  }
  RESMON_TRY(space_.make_room(group, allotment(bytes)));
  RESMON_ASSIGN(std::shared_ptr<File> file, state_.files.create(state_.path(segment_name(first))));
  {
    // On the account from here on, so that giving it up finds it whatever fails.
    const MutexLock lock(state_.mutex);
    state_.segments.begin_file(first, group, allotment(bytes));
  }
  active_.emplace(std::move(file), first, group, bytes);
  if (state_.options.preallocate) RESMON_TRY(active_->reserve());
  return active_->append(encode_segment_header({state_.opened.journal_id, first, group, existing_.position}));
}

Status SegmentWriter::sync() {
  if (!active_ || active_->is_durable()) return {};
  if (state_.options.sync != Sync::kOff) {
    const auto begin = std::chrono::steady_clock::now();
    RESMON_TRY(active_->sync());
    const auto took = std::chrono::steady_clock::now() - begin;
    RESMON_TRY(active_->sync_name(state_.files, state_.options.directory));
    const MutexLock lock(state_.mutex);
    ++state_.counters.syncs;
    state_.counters.last_sync_duration = took;
  }
  active_->set_durable();
  write_tally(written_.position);
  existing_ = written_;
  state_.publish(active_->first(), written_.position);
  return {};
}

// `durable`: position.
void SegmentWriter::write_tally(std::uint64_t durable) {
  cursors_.write_tally({state_.opened.journal_id, durable, written_.position, written_.weight, Clock::system().wall()});
}

Status SegmentWriter::finish() {
  RESMON_TRY(sync());
  const bool shortened = static_cast<bool>(active_->cut_to_durable());
  const MutexLock lock(state_.mutex);
  if (shortened) state_.segments.set_allotted(active_->first(), allotment(active_->durable_bytes()));
  active_.reset();
  return {};
}

void SegmentWriter::give_up() {
  if (active_) {
    const std::uint64_t segment_bytes = state_.options.segment_bytes;
    bool removed = false;
    {
      const MutexLock lock(state_.mutex);
      removed = state_.segments.doom_if_empty(active_->first());
      if (removed) state_.segments.reserve(active_->group(), allotment(segment_bytes));
    }
    if (removed) {
      active_.reset();
      space_.remove_doomed();
    } else {
      const bool shortened = static_cast<bool>(active_->cut_to_durable());
      const std::uint64_t durable = active_->durable_bytes();
      const MutexLock lock(state_.mutex);
      if (shortened) state_.segments.set_allotted(active_->first(), allotment(durable));
      const std::uint64_t rest = segment_bytes - std::min(segment_bytes, durable);
      state_.segments.reserve(active_->group(), allotment(rest));
      active_.reset();
    }
  }
  const MutexLock lock(state_.mutex);
  state_.blocks.back_to_durable();
  written_ = existing_;
}

bool SegmentWriter::put_last_mark() {
  if (!active_ || state_.options.sync == Sync::kOff || !active_->has_room(kMarkBytes)) return false;
  const MutexLock lock(state_.mutex);
  return state_.appender.put_mark_in(active_->group(), state_.durable_position());
}

void SegmentWriter::close() {
  if (active_) (void)active_->cut_to_durable();
  active_.reset();
}

}  // namespace resmon::journal
