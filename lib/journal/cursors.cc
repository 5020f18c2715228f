#include "journal/cursors.h"

#include <algorithm>
#include <utility>

#include "journal/read_position.h"

namespace resmon::journal {

CursorEntry Cursor::on_disk() const {
  CursorEntry entry = entry_;
  entry.dropped += in_flight_;
  return entry;
}

ReaderStats Cursor::stats(const Segments& segments, std::uint64_t last) const {
  ReaderStats stats;
  stats.name = entry_.name;
  stats.loss = entry_.may_lose ? Loss::kOldest : Loss::kNever;
  stats.attached = attached();
  stats.committed = entry_.committed;
  stats.backlog_records = segments.records_between(entry_.committed + 1, last);
  stats.dropped_records = entry_.dropped;
  stats.damaged_records = entry_.damaged;
  stats.dropped_weight = entry_.dropped_weight;
  stats.accounted_weight = entry_.accounted_weight;
  return stats;
}

void Cursor::attach(const ReadPosition& reader, Loss loss) {
  reader_ = &reader;
  entry_.may_lose = loss == Loss::kOldest;
}

bool Cursor::commit(std::uint64_t position) {
  end_flight(position);
  if (position <= entry_.committed) return false;
  entry_.committed = position;
  return true;
}

bool Cursor::pass(std::uint64_t position, std::uint64_t weight) {
  if (position <= entry_.committed) return false;
  passed_weight_ += weight;
  entry_.accounted_weight += weight;
  end_flight(position);
  entry_.committed = position;
  return true;
}

bool Cursor::settle(std::uint64_t position, std::uint64_t commit_to, std::uint64_t weight) {
  const bool dropped = position <= entry_.committed;
  if (dropped) {
    entry_.dropped_weight -= std::min(entry_.dropped_weight, weight);
  } else {
    passed_weight_ += weight;
    entry_.accounted_weight += weight;
  }
  end_flight(position);
  if (!dropped) entry_.committed = commit_to;
  return !dropped;
}

void Cursor::count_missing(std::uint64_t weight) {
  entry_.dropped_weight += weight;
  entry_.accounted_weight += weight;
}

void Cursor::correct_dropped_weight(std::int64_t by) {
  std::uint64_t& weight = entry_.dropped_weight;
  weight =
      by < 0 ? weight - std::min(weight, static_cast<std::uint64_t>(-by)) : weight + static_cast<std::uint64_t>(by);
}

std::uint64_t Cursor::rewind() {
  entry_.dropped += std::exchange(in_flight_, 0);
  return entry_.committed + 1;
}

void Cursor::start_after(std::uint64_t position) {
  entry_.committed = hold_.emplace(position);
  in_flight_ = 0;
}

bool Cursor::lose(const Group& group, const Segments& segments) {
  if (entry_.committed >= group.last) {
    passed_weight_ -= std::min(passed_weight_, group.weight);
    return false;
  }
  const std::uint64_t delivered = std::max(reader_ == nullptr ? 0 : reader_->next() - 1, entry_.committed);
  const std::uint64_t flying = segments.records_between(entry_.committed + 1, std::min(delivered, group.last));
  if (flying > 0) {
    in_flight_ += flying;
    in_flight_through_ = std::min(delivered, group.last);
  }
  entry_.dropped += segments.records_between(delivered + 1, group.last);
  const std::uint64_t lost = group.weight - std::min(group.weight, std::exchange(passed_weight_, 0));
  entry_.dropped_weight += lost;
  entry_.accounted_weight += lost;
  entry_.committed = group.last;
  return true;
}

void Cursor::got_of_dropped(std::uint64_t records, std::uint64_t through) {
  entry_.dropped -= std::min(records, entry_.dropped);
  if (records == 0) return;
  in_flight_ += records;
  in_flight_through_ = through;
}

void Cursor::begins_after(std::uint64_t previous) {
  if (previous <= entry_.committed) return;
  entry_.damaged += previous - entry_.committed;
  entry_.committed = previous;
}

Cursor* Cursors::find(std::string_view name) {
  const auto at = all_.find(name);
  return at == all_.end() ? nullptr : &at->second;
}

Cursor& Cursors::add(CursorEntry entry) {
  std::string name = entry.name;
  return all_.emplace(std::move(name), Cursor(std::move(entry))).first->second;
}

void Cursors::restore(std::vector<CursorEntry> entries, std::uint64_t oldest_previous) {
  // Files that went missing, as far as the oldest that is left tells. The cursor goes behind the hole, also that of a
  // reader that is away.
  for (CursorEntry& entry : entries) add(std::move(entry)).begins_after(oldest_previous);
}

Result<Cursor*> Cursors::open(const ReaderOptions& wanted, std::uint64_t oldest, std::uint64_t last) {
  if (wanted.name.empty() || wanted.name.size() > kMaxReaderNameBytes)
    return fail(ErrorKind::kInvalid, "a reader's name has 1 to 64 bytes");
  if (Cursor* const cursor = find(wanted.name)) {
    if (cursor->attached()) return fail(ErrorKind::kInvalid, "reader " + wanted.name + " is open already");
    return cursor;
  }
  if (all_.size() >= kMaxReaders) return fail(ErrorKind::kLimit, "too many readers");
  CursorEntry entry;
  entry.name = wanted.name;
  entry.committed = wanted.start == ReaderOptions::Start::kNewest ? last : oldest - 1;
  return &add(std::move(entry));
}

Status Cursors::forget(std::string_view name) {
  const auto at = all_.find(name);
  if (at == all_.end()) return fail(ErrorKind::kNotFound, "no reader " + std::string(name));
  if (at->second.attached()) return fail(ErrorKind::kInvalid, "reader " + std::string(name) + " is open");
  all_.erase(at);
  return {};
}

std::uint64_t Cursors::passed_by_all() const {
  std::uint64_t passed = ~std::uint64_t{0};
  for (const auto& [name, cursor] : all_) passed = std::min(passed, cursor.needs_after());
  return passed;
}

bool Cursors::any_must_have(std::uint64_t position) const {
  return std::ranges::any_of(
      all_, [&](const auto& named) { return !named.second.entry().may_lose && named.second.committed() < position; });
}

bool Cursors::lose(const Group& group, const Segments& segments) {
  bool lost = all_.empty();
  for (auto& [name, cursor] : all_) lost = cursor.lose(group, segments) || lost;
  return lost;
}

bool Cursors::touch(Time now) {
  if (dirty_) return false;
  dirty_ = true;
  dirty_since_ = now;
  return true;
}

std::vector<CursorEntry> Cursors::snapshot() {
  std::vector<CursorEntry> entries;
  for (const auto& [name, cursor] : all_) entries.push_back(cursor.on_disk());
  ++snapshots_;
  dirty_ = false;
  return entries;
}

}  // namespace resmon::journal
