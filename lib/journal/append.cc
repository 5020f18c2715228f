// Appending and making room: all in memory.
//
// A record is encoded once, under the mutex, straight into the block that the commit thread will hand to the kernel and
// that readers will be shown; only its payload's checksum, the expensive part, is computed before the mutex is taken.
// Where one segment ends and the next begins is decided here, not where files are written, because the producer has to
// know it before it encodes. So is which old segments go: append plans with what will be on disk once the commit thread
// has done what was decided so far, and the commit thread removes before it creates, so the bound holds at every
// moment.
//
// Rejected: a ring of fixed slots (records differ in size a thousandfold); one block a batch (a batch of one small
// record would cost a block); dropping single records at the bound (readers would lose the definitions that later ones
// need).

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "journal/state.h"

namespace resmon::journal {

namespace {

// The directory, the cursors, and slack for what a file system adds and what giving up a file rounds up.
constexpr std::uint64_t kOverheadBytes = kDiskBlock + kCursorFileBytes + 16384;
constexpr std::size_t kInlineBatch = 64;

}  // namespace

State::State(Options given) : options(std::move(given)), files(options.files ? *options.files : FileSystem::posix()) {
  const std::uint64_t quarter = (options.limit_bytes - std::min(options.limit_bytes, kOverheadBytes)) / 4;
  options.segment_bytes = std::min(options.segment_bytes, quarter - std::min(quarter, 2 * kDiskBlock));
  options.segment_bytes = std::max(options.segment_bytes / kDiskBlock * kDiskBlock, kDiskBlock);
  options.buffer_bytes = std::min(options.buffer_bytes, options.limit_bytes / 2);
  options.buffer_bytes = std::max(options.buffer_bytes, options.segment_bytes);
  max_record = static_cast<std::size_t>(std::min<std::uint64_t>(
      options.segment_bytes - kSegmentHeaderBytes - kMarkBytes - kRecordHeaderBytes - kMarkBytes, kMaxRecordBytes));
  block_bytes = static_cast<std::size_t>(std::clamp<std::uint64_t>(options.buffer_bytes / 32, 4096, 256U << 10U));
  counters.limit_bytes = options.limit_bytes;
}

std::uint64_t State::allotment(std::uint64_t bytes) const {
  return (bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock + kDiskBlock;
}

bool State::begins_segment(std::size_t payload_bytes) const {
  const std::lock_guard lock(mutex);
  return groups.empty() || groups.back().first < session_first ||
         groups.back().bytes + kMarkBytes + kRecordHeaderBytes + payload_bytes > options.segment_bytes;
}

std::uint64_t State::planned_bytes() const {
  std::uint64_t bytes = kOverheadBytes;
  for (const auto& [first, segment] : segments) bytes += segment.allotted;
  for (const Group& group : groups) bytes += group.reserved;
  for (const auto& [name, size] : aside) bytes += allotment(size);
  return bytes;
}

std::uint64_t State::physical_bytes() const {
  std::uint64_t bytes = kOverheadBytes;
  for (const auto& [first, segment] : segments) bytes += segment.allotted;
  for (const Doomed& file : doomed) bytes += file.allotted;
  for (const auto& [name, size] : aside) bytes += allotment(size);
  return bytes;
}

std::uint64_t State::records_between(std::uint64_t from, std::uint64_t to) const {
  std::uint64_t count = 0;
  for (const Group& group : groups) {
    const std::uint64_t low = std::max(from, group.first);
    const std::uint64_t high = std::min(to, group.last);
    if (low <= high) count += high - low + 1;
  }
  return count;
}

// REQUIRES: mutex held. The oldest group and its files are on their way out; cursors that still needed it pass over it.
void State::drop_front_group() {
  const Group group = groups.front();
  bool lost_to_somebody = cursors.empty();
  for (auto& [name, cursor] : cursors) {
    if (cursor.entry.committed >= group.last) {
      cursor.passed_weight -= std::min(cursor.passed_weight, group.weight);
      continue;
    }
    lost_to_somebody = true;
    std::uint64_t delivered = cursor.entry.committed;
    if (cursor.reader != nullptr) delivered = std::max(delivered, cursor.reader->progress_->next - 1);
    const std::uint64_t in_flight = records_between(cursor.entry.committed + 1, std::min(delivered, group.last));
    if (in_flight > 0) {
      cursor.in_flight += in_flight;
      cursor.in_flight_through = std::min(delivered, group.last);
    }
    cursor.entry.dropped += records_between(std::max(delivered, cursor.entry.committed) + 1, group.last);
    const std::uint64_t lost = group.weight - std::min(group.weight, std::exchange(cursor.passed_weight, 0));
    cursor.entry.dropped_weight += lost;
    cursor.entry.accounted_weight += lost;
    cursor.entry.committed = group.last;
  }
  if (lost_to_somebody) counters.dropped_records += group.last - group.first + 1;
  groups.pop_front();
  for (auto at = segments.begin(); at != segments.end() && at->second.group <= group.first;) {
    doomed.push_back({path(segment_name(at->first)), at->second.allotted, cursors_taken + 1});
    at = segments.erase(at);
  }
  while (!blocks.empty() && blocks.front()->last <= group.last && blocks.front()->group <= group.first) {
    memory_bytes -= blocks.front()->size;
    blocks.pop_front();
  }
  touch_cursors();
}

// REQUIRES: mutex held. Lets go what every reader has committed, except the newest file: its name keeps the positions.
void State::trim() {
  if (cursors.empty() || segments.empty()) return;
  std::uint64_t done = ~std::uint64_t{0};
  for (const auto& [name, cursor] : cursors)
    done = std::min(done, std::min(cursor.entry.committed, cursor.hold.value_or(cursor.entry.committed)));
  while (groups.size() > 1 && groups.front().last <= std::min(done, durable_position.load()) &&
         groups.front().first != segments.rbegin()->second.group)
    drop_front_group();
}

// REQUIRES: mutex held. True if only readers that may lose it still need it, and it is not what is being written.
bool State::may_drop_front_group() const {
  if (groups.size() < 2 || groups.front().last > durable_position.load()) return false;
  if (segments.empty() || groups.front().first == segments.rbegin()->second.group) return false;
  return std::ranges::none_of(cursors, [this](const auto& named) {
    const Cursor& cursor = named.second;
    return !cursor.entry.may_lose && cursor.entry.committed < groups.front().last;
  });
}

// REQUIRES: mutex held. True if `bytes` more can be planned for.
bool State::make_room(std::uint64_t bytes) {
  while (planned_bytes() + bytes > options.limit_bytes) {
    if (!aside.empty()) {
      doomed.push_back({path(aside.begin()->first), allotment(aside.begin()->second), 0});
      aside.erase(aside.begin());
      continue;
    }
    if (!may_drop_front_group()) return false;
    drop_front_group();
  }
  return true;
}

// REQUIRES: mutex held; the last group is the one to append to
Block& State::block_for(std::size_t bytes) {
  if (!blocks.empty()) {
    Block& open = *blocks.back();
    if (open.group == groups.back().first && open.capacity - open.size >= bytes) return open;
  }
  std::shared_ptr<Block> block;
  if (bytes <= block_bytes && !spare_blocks.empty()) {
    block = std::move(spare_blocks.back());
    spare_blocks.pop_back();
  } else {
    block = std::make_shared<Block>();
    block->capacity = std::max(bytes, block_bytes);
    block->bytes = std::make_unique_for_overwrite<char[]>(block->capacity);
  }
  block->group = groups.back().first;
  block->first = last_position + 1;
  block->last = block->written_last = block->durable_last = last_position;
  block->size = block->written = block->durable = 0;
  block->weight = total_weight;
  blocks.push_back(std::move(block));
  return *blocks.back();
}

// REQUIRES: mutex held
void State::put_record(const RecordHeader& header, std::string_view payload) {
  const std::size_t whole = kRecordHeaderBytes + payload.size();
  Block& block = block_for(whole);
  char* const out = block.bytes.get() + block.size;
  encode_record_header(out, header, seed);
  if (!payload.empty()) std::memcpy(out + kRecordHeaderBytes, payload.data(), payload.size());
  block.size += whole;
  groups.back().bytes += whole;
  waiting_bytes += whole;
  unwritten_bytes += whole;
  memory_bytes += whole;
}

// REQUIRES: mutex held
void State::put_mark() {
  last_marked = durable_position.load();
  char mark[8];
  std::memcpy(mark, &last_marked, sizeof mark);
  const std::string_view payload(mark, sizeof mark);
  put_record({8, kMark, static_cast<std::uint32_t>(last_position + 1), crc32c(payload)}, payload);
}

// Checksums of the records of a batch, without an allocation for few.
class State::Checksums {
 public:
  explicit Checksums(std::span<const std::string_view> batch) {
    std::uint32_t* crcs = few_;
    if (batch.size() > kInlineBatch) {
      many_.resize(batch.size());
      crcs = many_.data();
    }
    for (std::size_t i = 0; i < batch.size(); ++i) crcs[i] = crc32c(batch[i]);
  }
  std::uint32_t operator[](std::size_t i) const { return many_.empty() ? few_[i] : many_[i]; }

 private:
  std::uint32_t few_[kInlineBatch];
  std::vector<std::uint32_t> many_;
};

Result<std::uint64_t> State::encoded_bytes(std::span<const std::string_view> batch) const {
  std::uint64_t bytes = 0;
  for (const std::string_view record : batch) {
    if (record.size() > max_record)
      return fail(ErrorKind::kLimit, "a record of " + std::to_string(record.size()) + " bytes; at most " +
                                         std::to_string(max_record) + " fit");
    bytes += kRecordHeaderBytes + record.size();
  }
  return bytes;
}

// Whether a record still fits into a segment of which so much is used. A new one begins with a mark where one is due.
bool State::fits(std::uint64_t used, std::size_t payload) const {
  return used + kMarkBytes + kRecordHeaderBytes + payload <= options.segment_bytes;
}

// How many segments the batch begins, where so much of the newest is used.
std::uint64_t State::segments_begun(std::span<const std::string_view> batch, std::uint64_t used) const {
  std::uint64_t begun = 0;
  bool mark_due = last_marked != durable_position.load();
  for (const std::string_view record : batch) {
    if (!fits(used, record.size())) {
      ++begun;
      used = kSegmentHeaderBytes;
    }
    used += (std::exchange(mark_due, false) ? kMarkBytes : 0) + kRecordHeaderBytes + record.size();
  }
  return begun;
}

// REQUIRES: mutex held
Unexpected<Error> State::refuse(std::size_t records, std::string why) {
  counters.refused_records += records;
  if (!failing && !nudged) {
    nudged = want_sync = true;
    work_ready.notify_one();
  }
  return fail(ErrorKind::kUnavailable, std::move(why));
}

// Puts the records behind all that are there. True: the first began a segment. REQUIRES: mutex held, there is room
bool State::put_batch(std::span<const std::string_view> batch, const Checksums& crcs, std::uint64_t used,
                      std::uint64_t reserve) {
  bool began = false;
  bool mark_due = last_marked != durable_position.load();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool begins = !fits(used, batch[i].size());
    if (begins) {
      groups.push_back({last_position + 1, last_position, kSegmentHeaderBytes, reserve});
      began = began || i == 0;
    }
    if (mark_due) put_mark();
    mark_due = false;
    put_record({static_cast<std::uint32_t>(batch[i].size()), begins ? std::uint8_t{kStartsSegment} : std::uint8_t{0},
                static_cast<std::uint32_t>(last_position + 1), crcs[i]},
               batch[i]);
    ++last_position;
    blocks.back()->last = last_position;
    groups.back().last = last_position;
    used = groups.back().bytes;
    counters.appended_bytes += batch[i].size();
  }
  return began;
}

// `at`: the first position to give out; 0: the next. A higher one leaves those between out, which takes a new segment.
Result<Appended> State::append(std::span<const std::string_view> batch, std::uint64_t at, std::uint64_t weight) {
  RESMON_ASSIGN(const std::uint64_t bytes, encoded_bytes(batch));
  const Checksums crcs(batch);
  Appended appended;
  std::vector<std::function<void()>> wakes;
  bool nudge = false;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return fail(ErrorKind::kUnavailable, "the journal is closed");
    if (at != 0 && at <= last_position)
      return fail(ErrorKind::kInvalid, "position " + std::to_string(at) + " was given out before");
    const bool skips = at > last_position + 1;
    appended.first = skips ? at : last_position + 1;
    appended.last = appended.first - 1 + batch.size();
    if (batch.empty()) return appended;
    if (waiting_bytes + bytes > options.buffer_bytes && (waiting_bytes > 0 || bytes > options.buffer_bytes))
      return refuse(batch.size(), counters.error.empty() ? "too much waits to be written" : counters.error);

    // A recovered group is not appended to: its producer's definitions are gone.
    const std::uint64_t used =
        skips || groups.empty() || groups.back().first < session_first ? options.segment_bytes : groups.back().bytes;
    const std::uint64_t begun = segments_begun(batch, used);
    const std::uint64_t reserve = allotment(options.segment_bytes);
    if (begun > 0 && !make_room(begun * reserve))
      return refuse(batch.size(), "the journal is full: a reader that must not lose is behind");

    if (skips) last_position = at - 1;
    const bool was_idle = waiting_bytes == 0;
    if (was_idle) first_waiting = std::chrono::steady_clock::now();
    appended.began_segment = put_batch(batch, crcs, used, reserve);
    counters.appended_records += batch.size();
    groups.back().weight += weight;
    total_weight += weight;
    blocks.back()->weight = total_weight;
    if (options.never_reuse_positions && last_position + options.reserve_positions / 2 > reserved_position)
      touch_cursors();

    // The commit thread sleeps without a deadline while nothing waits, and otherwise until the interval is over.
    const bool pressing = options.sync == Sync::kImmediate || unwritten_bytes >= options.buffer_bytes / 8;
    if (!nudged && !failing && (pressing || was_idle)) nudged = nudge = true;
    collect_wakes(durable_position.load(), wakes);
  }
  if (nudge) work_ready.notify_one();
  for (const auto& wake : wakes) wake();
  return appended;
}

// REQUIRES: mutex held
void State::collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes) {
  bool waiting = false;
  for (const auto& reader : readers) {
    Reader::Progress& progress = *reader->progress_;
    if (!progress.armed) continue;
    const bool early = reader->options_.see == ReaderOptions::See::kAppended;
    if ((early ? std::max(shown(), durable) : durable) < progress.next) continue;
    progress.armed = false;
    waiting = true;
    if (progress.wake) wakes.push_back(progress.wake);
  }
  if (waiting) progressed.notify_all();
}

ReaderStats State::reader_stats(const Cursor& cursor) const {
  ReaderStats stats;
  stats.name = cursor.entry.name;
  stats.loss = cursor.entry.may_lose ? Loss::kOldest : Loss::kNever;
  stats.attached = cursor.reader != nullptr;
  stats.committed = cursor.entry.committed;
  stats.backlog_records = records_between(cursor.entry.committed + 1, last_position);
  stats.dropped_records = cursor.entry.dropped;
  stats.damaged_records = cursor.entry.damaged;
  stats.dropped_weight = cursor.entry.dropped_weight;
  stats.accounted_weight = cursor.entry.accounted_weight;
  return stats;
}

Stats State::stats() const {
  const std::lock_guard lock(mutex);
  Stats now = counters;
  now.disk_bytes = physical_bytes();
  now.memory_bytes = memory_bytes;
  now.waiting_bytes = waiting_bytes;
  now.segments = segments.size();
  now.first_position = groups.empty() ? last_position + 1 : groups.front().first;
  now.last_position = last_position;
  now.durable_position = durable_position.load();
  now.files_set_aside = aside.size();
  return now;
}

}  // namespace resmon::journal
