// Retention. By age: chunks whose last row is too old. By size: SQLite is told how many pages the file may have, so the
// cap cannot be passed by any pattern of writes; retain() keeps some of them free by removing the oldest chunks, and a
// transaction that meets the cap all the same removes more and is tried again (in_transaction). The write-ahead log's
// part of the limit is kept by bounding transactions and by checkpointing when it grows, for which readers'
// transactions have to be short.

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/damaged_file.h"
#include "store/embedded_store.h"
#include "store/fail_point.h"

namespace resmon::store {

namespace {
constexpr UnixNanos kRetainEvery = 60'000'000'000;
constexpr int kRowsAStep = 256;
constexpr int kExpireSteps = 16;
constexpr int kOldestChunks = 256;
constexpr std::size_t kMostEmptied = 1'000'000;         // others are come upon when all groups are looked through
constexpr std::uint64_t kOtherFilesBytes = 64U << 10U;  // the lock, the names of databases
}  // namespace

Status EmbeddedStore::load_totals() {
  std::map<std::string, std::int64_t, std::less<>> meta;
  RESMON_ASSIGN(Statement select, database_.prepare("SELECT key, value FROM meta"));
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) break;
    meta.emplace(select.blob(0), select.integer(1));
  }
  totals_.chunks = meta["chunks"];
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    const std::string number = std::to_string(tier);
    if (const auto it = meta.find("horizon" + number); it != meta.end()) totals_.horizon[tier] = it->second;
    totals_.bytes[tier] = meta["bytes" + number];
  }
  commit_totals();
  return {};
}

Status EmbeddedStore::save_totals() {
  for (std::size_t tier = 0; tier < kTiers; ++tier)
    if (totals_.horizon[tier] > counters_.horizon[tier]) counters_.horizon[tier] = totals_.horizon[tier];
  if (totals_ == committed_) return {};
  RESMON_ASSIGN(Statement update, database_.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)"));
  RESMON_TRY(update.bind_text(1, "chunks").bind(2, totals_.chunks).run());
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    const std::string bytes = "bytes" + std::to_string(tier);
    RESMON_TRY(update.bind_text(1, bytes).bind(2, totals_.bytes[tier]).run());
    const std::string horizon = "horizon" + std::to_string(tier);
    RESMON_TRY(update.bind_text(1, horizon).bind(2, totals_.horizon[tier]).run());
  }
  return {};
}

void EmbeddedStore::commit_totals() {
  committed_ = totals_;
  counters_.chunks = static_cast<std::uint64_t>(std::max<std::int64_t>(totals_.chunks, 0));
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    counters_.tier_bytes[tier] = static_cast<std::uint64_t>(std::max<std::int64_t>(totals_.bytes[tier], 0));
    counters_.horizon[tier] = totals_.horizon[tier];
  }
}

UnixNanos EmbeddedStore::refused_until(UnixNanos now) const {
  const UnixNanos horizon = counters_.horizon[kTierRaw];
  if (options_.retain.count() <= 0) return horizon;
  return std::max(horizon, minus(minus(now, std::chrono::nanoseconds(options_.retain).count()), 1));
}

Status EmbeddedStore::apply_size_limit() {
  if (options_.disk_limit_bytes == 0) return {};
  RESMON_ASSIGN(const std::int64_t page_bytes, database_.query_integer("PRAGMA page_size"));
  // A damaged file that was set aside may take half of the limit; what it takes beyond that is too much until somebody
  // removes it.
  const std::uint64_t damaged = std::min(damaged_bytes(options_.directory), options_.disk_limit_bytes / 2);
  const std::uint64_t beside =
      wal_budget_bytes_ + 2 * reserve_bytes() + kOtherFilesBytes + options_.others_bytes + damaged;
  const std::uint64_t budget =
      options_.disk_limit_bytes > beside * 3 / 2 ? options_.disk_limit_bytes - beside : options_.disk_limit_bytes / 3;
  const auto pages = std::max<std::int64_t>(static_cast<std::int64_t>(budget) / page_bytes, 64);
  // A file that is larger, since the limit was lowered, is made smaller first.
  RESMON_ASSIGN(const std::int64_t have, database_.query_integer("PRAGMA page_count"));
  if (have > pages) {
    RESMON_TRY(evict(have - pages));
    RESMON_TRY(shrink(have - pages));
    RESMON_TRY(checkpoint(SQLITE_CHECKPOINT_TRUNCATE));
  }
  RESMON_TRY(database_.query_integer("PRAGMA max_page_count = " + std::to_string(pages)));
  return {};
}

Result<EmbeddedStore::Removed> EmbeddedStore::remove_oldest(std::int64_t tier, UnixNanos cutoff, std::int64_t at_most) {
  Removed removed;
  Transaction transaction(database_);
  RESMON_TRY(transaction.begin());
  totals_ = committed_;
  std::vector<std::int64_t> ids;
  std::vector<GroupId> groups;
  const auto at = static_cast<std::size_t>(tier);
  {
    RESMON_ASSIGN(Statement oldest,
                  database_.prepare("SELECT id, last_time, length(data), group_id FROM chunks"
                                    " WHERE tier = ?1 AND last_time < ?2 ORDER BY last_time LIMIT ?3"));
    // Each may touch a page of its own in the table and in two indexes.
    const auto pages = static_cast<std::int64_t>(transaction_bytes_) / 1024;
    oldest.bind(1, tier).bind(2, cutoff).bind(3, std::min(at_most, std::max<std::int64_t>(pages / 4, 8)));
    while (true) {
      RESMON_ASSIGN(const bool row, oldest.step());
      if (!row) break;
      ids.push_back(oldest.integer(0));
      totals_.horizon[at] = std::max(totals_.horizon[at], oldest.integer(1));
      removed.bytes += oldest.integer(2);
      groups.push_back(static_cast<GroupId>(oldest.integer(3)));
    }
  }
  if (ids.empty()) return removed;
  for (const std::int64_t id : ids) RESMON_TRY(delete_chunk_.bind(1, id).run());
  removed.chunks = static_cast<std::int64_t>(ids.size());
  totals_.chunks -= removed.chunks;
  totals_.bytes[at] -= removed.bytes;
  RESMON_TRY(save_totals());
  fail_point("retention");
  RESMON_TRY(transaction.commit());
  ++removals_;
  commit_totals();
  for (const GroupId id : groups)
    if (id < groups_.size() && emptied_.size() < kMostEmptied) emptied_.push_back(id);
  RESMON_TRY(bound_wal());
  return removed;
}

// Removes the oldest chunks until `pages` pages are free: rows as long as there are some, since the tiers still say
// what mattered about them.
Result<std::size_t> EmbeddedStore::evict(std::int64_t pages) {
  std::size_t total = 0;
  for (std::int64_t tier = kTierRaw; tier < static_cast<std::int64_t>(kTiers);) {
    RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
    if (free_pages >= pages) break;
    RESMON_ASSIGN(const Removed removed, remove_oldest(tier, INT64_MAX, kRowsAStep / 4));
    if (removed.chunks == 0) ++tier;
    counters_.evicted += static_cast<std::uint64_t>(removed.chunks);
    total += static_cast<std::size_t>(removed.chunks);
  }
  if (total > 0) log::info("store", "oldest chunks removed to stay within the size limit", {{"chunks", total}});
  return total;
}

Status EmbeddedStore::evict_tier(std::int64_t tier, std::uint64_t limit_bytes) {
  if (limit_bytes == 0) return {};
  for (int step = 0; step < kExpireSteps; ++step) {
    if (counters_.tier_bytes[static_cast<std::size_t>(tier)] <= limit_bytes) return {};
    RESMON_ASSIGN(const Removed removed, remove_oldest(tier, INT64_MAX, kRowsAStep / 16));
    if (removed.chunks == 0) return {};
    counters_.evicted += static_cast<std::uint64_t>(removed.chunks);
  }
  return {};  // the rest with the next call
}

Status EmbeddedStore::expire(std::int64_t tier, UnixNanos cutoff) {
  for (int step = 0; step < kExpireSteps; ++step) {
    RESMON_ASSIGN(const Removed removed, remove_oldest(tier, cutoff, kRowsAStep));
    if (removed.chunks == 0) return {};
    counters_.expired += static_cast<std::uint64_t>(removed.chunks);
    if (step + 1 == kExpireSteps) retention_behind_ = true;  // the rest with the next call
  }
  return {};
}

// There is no index of where chunks begin, and to read all chunks would cost more than the answer is worth: of those
// that end first, one begins first, or by less than a chunk's span after the first.
Status EmbeddedStore::look_up_oldest() {
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    RESMON_ASSIGN(Statement select,
                  database_.prepare("SELECT ifnull(min(first_time), ?3) FROM (SELECT first_time FROM chunks"
                                    " WHERE tier = ?1 ORDER BY last_time LIMIT ?2)"));
    select.bind(1, static_cast<std::int64_t>(tier)).bind(2, kOldestChunks).bind(3, INT64_MAX);
    RESMON_TRY(select.step());
    UnixNanos oldest = select.integer(0);
    if (tier == kTierRaw)
      for (const GroupState& group : groups_)
        if (!group.head.empty()) oldest = std::min(oldest, group.head.first_time());
    counters_.oldest[tier] = oldest == INT64_MAX ? 0 : oldest;
  }
  return {};
}

Status EmbeddedStore::retain(UnixNanos now) {
  if (options_.disk_limit_bytes > 0) {
    RESMON_ASSIGN(const std::int64_t limit, database_.query_integer("PRAGMA max_page_count"));
    RESMON_ASSIGN(const std::int64_t pages, database_.query_integer("PRAGMA page_count"));
    RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
    if (limit - pages + free_pages < limit / 20) RESMON_TRY(evict(limit / 12 - (limit - pages)));
  }
  RESMON_TRY(evict_tier(kTierRaw, options_.rows_limit_bytes));
  RESMON_TRY(evict_tier(kTierMinute, options_.minutes.limit_bytes));
  RESMON_TRY(evict_tier(kTierHour, options_.hours.limit_bytes));
  const bool due = std::exchange(retention_behind_, false) || minus(now, last_retention_) >= kRetainEvery;
  if (due) {
    last_retention_ = now;
    const auto keep = [&](std::int64_t tier, std::chrono::seconds retain) -> Status {
      if (retain.count() <= 0) return {};
      return expire(tier, minus(now, std::chrono::nanoseconds(retain).count()));
    };
    RESMON_TRY(keep(kTierRaw, options_.retain));
    RESMON_TRY(keep(kTierMinute, options_.minutes.retain));
    RESMON_TRY(keep(kTierHour, options_.hours.retain));
  }
  if (due || counters_.oldest[kTierRaw] == 0) RESMON_TRY(look_up_oldest());
  RESMON_ASSIGN(const std::int64_t pages, database_.query_integer("PRAGMA page_count"));
  RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
  // Free pages are used again; only when much is free does the file shrink, a little at a time.
  if (free_pages > 8192 && free_pages > pages / 3) return shrink(1024);
  return {};
}

Status EmbeddedStore::shrink(std::int64_t at_most_pages) {
  RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
  if (free_pages == 0) return {};
  for (std::int64_t done = 0; done < std::min(at_most_pages, free_pages) && !late(seal_by_);) {
    const std::int64_t step = std::min(at_most_pages - done, static_cast<std::int64_t>(transaction_bytes_) / 1024);
    RESMON_TRY(database_.execute("PRAGMA incremental_vacuum(" + std::to_string(step) + ")"));
    RESMON_TRY(bound_wal());
    done += step;
  }
  return {};
}

}  // namespace resmon::store
