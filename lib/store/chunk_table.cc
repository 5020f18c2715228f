#include "store/chunk_table.h"

#include <algorithm>
#include <map>
#include <string>

#include "store/windows.h"

namespace resmon::store {

namespace {
constexpr int kOldestChunks = 256;
}  // namespace

Status ChunkTable::prepare(Database& database) {
  database_ = &database;
  RESMON_ASSIGN(insert_, database.prepare("INSERT INTO chunks (tier, group_id, first_time, last_time, rows, data)"
                                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  RESMON_ASSIGN(remove_, database.prepare("DELETE FROM chunks WHERE id = ?1 RETURNING length(data)"));
  RESMON_ASSIGN(near_,
                database.prepare("SELECT id, first_time, last_time, rows FROM chunks WHERE tier = ?4 AND group_id = ?1"
                                 " AND last_time >= ?2 AND last_time <= ?3"));
  RESMON_ASSIGN(first_after_,
                database.prepare("SELECT first_time FROM chunks WHERE tier = 0 AND group_id = ?1 AND last_time >= ?2"
                                 " ORDER BY first_time LIMIT 1"));
  RESMON_ASSIGN(newest_, database.prepare("SELECT last_time, rows FROM chunks WHERE tier = 0 AND group_id = ?1"
                                          " ORDER BY last_time DESC LIMIT 1"));
  return {};
}

Status ChunkTable::load_sums(Database& database) {
  std::map<std::string, std::int64_t, std::less<>> meta;
  RESMON_ASSIGN(Statement select, database.prepare("SELECT key, value FROM meta"));
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) break;
    meta.emplace(select.blob(0), select.integer(1));
  }
  committed_.chunks = meta["chunks"];
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    const std::string number = std::to_string(tier);
    if (const auto it = meta.find("horizon" + number); it != meta.end()) committed_.horizon[tier] = it->second;
    committed_.bytes[tier] = meta["bytes" + number];
  }
  publish();
  return {};
}

void ChunkTable::begin() {
  sums_ = committed_;
  rewritten_.clear();
}

Status ChunkTable::save() {
  for (std::size_t tier = 0; tier < kTiers; ++tier)
    if (sums_.horizon[tier] > horizon_[tier]) horizon_[tier] = sums_.horizon[tier];
  if (sums_ == committed_) return {};
  RESMON_ASSIGN(Statement update, database_->prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)"));
  RESMON_TRY(update.bind_text(1, "chunks").bind(2, sums_.chunks).run());
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    const std::string bytes = "bytes" + std::to_string(tier);
    RESMON_TRY(update.bind_text(1, bytes).bind(2, sums_.bytes[tier]).run());
    const std::string horizon = "horizon" + std::to_string(tier);
    RESMON_TRY(update.bind_text(1, horizon).bind(2, sums_.horizon[tier]).run());
  }
  return {};
}

void ChunkTable::committed() {
  for (const GroupId group : rewritten_) changed_(group);
  rewritten_.clear();
  committed_ = sums_;
  publish();
}

void ChunkTable::publish() {
  count_ = static_cast<std::uint64_t>(std::max<std::int64_t>(committed_.chunks, 0));
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    bytes_[tier] = static_cast<std::uint64_t>(std::max<std::int64_t>(committed_.bytes[tier], 0));
    horizon_[tier] = committed_.horizon[tier];
  }
}

void ChunkTable::note_changed(GroupId group) {
  if (rewritten_.empty() || rewritten_.back() != group) rewritten_.push_back(group);
}

Status ChunkTable::insert(std::int64_t tier, GroupId group, const Rows& rows, std::string_view data) {
  insert_.bind(1, tier).bind(2, group).bind(3, rows.times.front()).bind(4, rows.times.back());
  RESMON_TRY(insert_.bind(5, static_cast<std::int64_t>(rows.size())).bind_blob(6, data).run());
  ++sums_.chunks;
  sums_.bytes[static_cast<std::size_t>(tier)] += static_cast<std::int64_t>(data.size());
  note_changed(group);
  return {};
}

Result<bool> ChunkTable::take_out(std::int64_t tier, GroupId group, std::int64_t id) {
  StatementReset reset(remove_);
  RESMON_ASSIGN(const bool found, remove_.bind(1, id).step());
  if (!found) return false;
  --sums_.chunks;
  sums_.bytes[static_cast<std::size_t>(tier)] -= remove_.integer(0);
  note_changed(group);
  return true;
}

Status ChunkTable::remove(std::int64_t tier, GroupId group, std::int64_t id) {
  RESMON_ASSIGN(const bool found, take_out(tier, group, id));
  return found ? Status() : fail(ErrorKind::kInternal, "store: a chunk went away under its only writer");
}

Result<ChunkTable::Removed> ChunkTable::remove_oldest(std::int64_t tier, UnixNanos cutoff, std::int64_t at_most) {
  std::vector<std::int64_t> ids;
  Removed removed;
  UnixNanos& horizon = sums_.horizon[static_cast<std::size_t>(tier)];
  {
    RESMON_ASSIGN(Statement oldest, database_->prepare("SELECT id, last_time, group_id FROM chunks"
                                                       " WHERE tier = ?1 AND last_time < ?2 ORDER BY last_time"
                                                       " LIMIT ?3"));
    oldest.bind(1, tier).bind(2, cutoff).bind(3, at_most);
    while (true) {
      RESMON_ASSIGN(const bool row, oldest.step());
      if (!row) break;
      ids.push_back(oldest.integer(0));
      horizon = std::max(horizon, oldest.integer(1));
      removed.groups.push_back(static_cast<GroupId>(oldest.integer(2)));
    }
  }
  for (std::size_t i = 0; i < ids.size(); ++i) RESMON_TRY(take_out(tier, removed.groups[i], ids[i]));
  return removed;
}

Result<std::vector<ChunkEntry>> ChunkTable::near(std::int64_t tier, GroupId group, UnixNanos first, UnixNanos last) {
  std::vector<ChunkEntry> entries;
  const TierShape shape = shape_of(tier);
  StatementReset reset(near_);
  near_.bind(1, group).bind(2, minus(first, shape.max_gap + shape.max_span));
  near_.bind(3, plus(last, shape.max_span)).bind(4, tier);
  while (true) {
    RESMON_ASSIGN(const bool row, near_.step());
    if (!row) return entries;
    entries.push_back({near_.integer(0), near_.integer(1), near_.integer(2), near_.integer(3)});
  }
}

Result<ChunkTable::Newest> ChunkTable::newest(GroupId group) {
  StatementReset reset(newest_);
  RESMON_ASSIGN(const bool row, newest_.bind(1, group).step());
  return row ? Newest{newest_.integer(0), newest_.integer(1)} : Newest{};
}

Result<std::optional<UnixNanos>> ChunkTable::first_after(GroupId group, UnixNanos time) {
  StatementReset reset(first_after_);
  RESMON_ASSIGN(const bool row, first_after_.bind(1, group).bind(2, time).step());
  return row ? std::optional<UnixNanos>(first_after_.integer(0)) : std::nullopt;
}

// There is no index of where chunks begin, and to read all chunks would cost more than the answer is worth: of those
// that end first, one begins first, or by less than a chunk's span after the first.
Result<UnixNanos> ChunkTable::oldest(std::int64_t tier) {
  RESMON_ASSIGN(Statement select,
                database_->prepare("SELECT ifnull(min(first_time), ?3) FROM (SELECT first_time FROM chunks"
                                   " WHERE tier = ?1 ORDER BY last_time LIMIT ?2)"));
  select.bind(1, tier).bind(2, kOldestChunks).bind(3, INT64_MAX);
  RESMON_TRY(select.step());
  return select.integer(0);
}

UnixNanos ChunkTable::floor(std::int64_t tier) const {
  const UnixNanos horizon = this->horizon(tier);
  return horizon == INT64_MIN ? INT64_MIN : plus(window_start(horizon, kHour), kHour);
}

}  // namespace resmon::store
