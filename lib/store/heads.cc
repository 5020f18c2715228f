#include "store/heads.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace resmon::store {

namespace {
constexpr std::size_t kMostIdle = 1'000'000;  // others are come upon when all groups are looked through
}  // namespace

void HeadAge::note_snapshot(std::uint32_t from, std::uint64_t number) {
  if (from == 0 || first_snapshot == 0) first_snapshot = number;
  last_snapshot = number;
  pending = Marks::kNone;
}

const GroupState* Heads::find(GroupId id) const {
  const std::shared_lock lock(mutex_);
  return id < groups_.size() ? &groups_[id] : nullptr;
}

GroupState& Heads::add(GroupId id) {
  const std::unique_lock lock(mutex_);
  while (groups_.size() <= id) {
    const auto next = static_cast<GroupId>(groups_.size());
    GroupState& group = groups_.emplace_back();
    group.id = next;
    if (catalog_.knows(next)) group.measurement = catalog_.measurement_of(next);
    // Groups begin together; the first seal spreads them, so that they are not all sealed in the same second for ever.
    const std::uint32_t half = std::max<std::uint32_t>(rows_per_chunk_ / 2, 1);
    group.seal_rows = rows_per_chunk_ - (next * 2654435761U >> 8U) % half;
    ages_.emplace_back();
  }
  return groups_[id];
}

void Heads::add_row(GroupState& group, UnixNanos time, const SlotRow& row) {
  const std::size_t memory_before = group.head.memory_bytes();
  const std::size_t rows_before = group.head.size();
  {
    const std::lock_guard lock(group.mutex);
    group.head.add(time, row, scratch_);
  }
  ++written_rows_;
  note_change(group);
  count(group, memory_before, rows_before);
  if (group.head.size() >= group.seal_rows || group.head.memory_bytes() > most_bytes_) mark_due(group);
}

void Heads::restored(GroupState& group) {
  ++open_;
  count(group, 0, 0);
  if (group.head.size() >= group.seal_rows || group.head.memory_bytes() > most_bytes_) mark_due(group);
}

void Heads::count(const GroupState& group, std::size_t memory_before, std::size_t rows_before) {
  bytes_ += group.head.memory_bytes() - memory_before;
  rows_ += group.head.size() - rows_before;
}

void Heads::note_change(GroupState& group) {
  HeadAge& age = ages_[group.id];
  if (age.pending == Marks::kNone) age.pending = marks_.use();
  if (!std::exchange(age.open, true)) ++open_;
}

void Heads::clear(GroupState& group) {
  const std::size_t memory_before = group.head.memory_bytes();
  const std::size_t rows_before = group.head.size();
  {
    const std::lock_guard lock(group.mutex);
    group.head.clear();
  }
  count(group, memory_before, rows_before);
  HeadAge& age = ages_[group.id];
  if (age.open) --open_;
  const bool saved = age.first_snapshot != 0;
  if (saved) ended_.push_back(group.id);
  const HeadAge before = std::exchange(age, {});
  age.ending = before.ending || saved;
  age.last_snapshot = before.last_snapshot;
}

void Heads::drop(GroupState& group) {
  clear(group);
  dropped_.push_back(group.id);
}

void Heads::reset(GroupState& group) {
  group.newest_known = group.tiered_known = false;
  group.newest_time = group.tiered_until = INT64_MIN;
  group.newest_rows = 0;
  ages_[group.id] = {};
  const std::lock_guard lock(group.mutex);
  group.head = {};
}

void Heads::chunks_changed(GroupId id) {
  if (id >= groups_.size()) return;
  std::atomic<std::uint32_t>& version = groups_[id].chunks_version;
  version = (version | GroupState::kNoChunk) + 1;
}

void Heads::mark_due(GroupState& group) {
  if (group.due) return;
  group.due = true;
  due_.push_back(group.id);
}

std::vector<GroupState*> Heads::first_due(std::size_t at_most) {
  std::vector<GroupState*> groups;
  const std::size_t count = std::min(at_most, due_.size());
  groups.reserve(count);
  for (std::size_t i = 0; i < count; ++i) groups.push_back(&groups_[due_[i]]);
  return groups;
}

void Heads::sealed(GroupState& group) {
  clear(group);
  group.seal_rows = rows_per_chunk_;
  group.due = false;
}

void Heads::drop_sealed() {
  std::erase_if(due_, [&](GroupId id) { return !groups_[id].due; });
}

std::vector<GroupState*> Heads::next_large(std::uint64_t bytes) {
  std::vector<GroupState*> groups;
  const std::uint64_t average = bytes_ / std::max<std::size_t>(open_, 1);
  std::uint64_t taken = 0;
  for (std::size_t looked = 0; looked < ages_.size() && taken < bytes; ++looked) {
    if (next_large_ >= ages_.size()) next_large_ = 0;
    const GroupId id = next_large_++;
    if (!ages_[id].open || groups_[id].head.memory_bytes() < average) continue;
    groups.push_back(&groups_[id]);
    taken += groups_[id].head.memory_bytes();
  }
  return groups;
}

UnixNanos Heads::oldest_time() const {
  UnixNanos oldest = INT64_MAX;
  for (const GroupState& group : groups_)
    if (!group.head.empty()) oldest = std::min(oldest, group.head.first_time());
  return oldest;
}

Marks::Epoch Heads::needed_epoch() const {
  Marks::Epoch needed = Marks::kNone;
  for (const HeadAge& age : ages_)
    if (age.open) needed = std::min(needed, age.pending);
  return needed;
}

void Heads::marks_committed() {
  for (const GroupId id : ended_) ages_[id].ending = false;
  ended_.clear();
  for (const GroupId id : dropped_) note_idle(id);
  dropped_.clear();
}

void Heads::note_idle(GroupId id) {
  if (id < groups_.size() && idle_.size() < kMostIdle) idle_.push_back(id);
}

}  // namespace resmon::store
