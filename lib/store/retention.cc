// Retention. By age: chunks whose last row is too old. By size: SQLite is told how many pages the file may have, so the
// cap cannot be passed by any pattern of writes; retain() keeps some of them free by removing the oldest chunks, and a
// transaction that meets the cap all the same removes more and is tried again (StoreFile::transact). The write-ahead
// log's part of the limit is kept by bounding transactions and by checkpointing when it grows, for which readers'
// transactions have to be short.

#include "store/retention.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "store/damaged_file.h"
#include "store/fail_point.h"

namespace resmon::store {

namespace {
constexpr UnixNanos kRetainEvery = 60'000'000'000;
constexpr int kRowsAStep = 256;
constexpr int kExpireSteps = 16;
}  // namespace

UnixNanos Retention::refused_until(UnixNanos now) const {
  const UnixNanos horizon = file_.chunks().horizon(kTierRaw);
  if (options_.retain.count() <= 0) return horizon;
  return std::max(horizon, minus(minus(now, std::chrono::nanoseconds(options_.retain).count()), 1));
}

Status Retention::apply_size_limit() {
  if (options_.disk_limit_bytes == 0) return {};
  RESMON_ASSIGN(const std::int64_t page_bytes, file_.database().query_integer("PRAGMA page_size"));
  // A damaged file that was set aside may take half of the limit; what it takes beyond that is too much until somebody
  // removes it.
  const std::uint64_t damaged = std::min(damaged_bytes(options_.directory), options_.disk_limit_bytes / 2);
  const std::uint64_t beside = file_.beside_bytes() + options_.others_bytes + damaged;
  const std::uint64_t budget =
      options_.disk_limit_bytes > beside * 3 / 2 ? options_.disk_limit_bytes - beside : options_.disk_limit_bytes / 3;
  const auto pages = std::max<std::int64_t>(static_cast<std::int64_t>(budget) / page_bytes, 64);
  // A file that is larger, since the limit was lowered, is made smaller first.
  RESMON_ASSIGN(const std::int64_t have, file_.pages());
  if (have > pages) {
    RESMON_TRY(evict(have - pages));
    RESMON_TRY(file_.shrink(have - pages));
    RESMON_TRY(file_.checkpoint(SQLITE_CHECKPOINT_TRUNCATE));
  }
  RESMON_TRY(file_.database().query_integer("PRAGMA max_page_count = " + std::to_string(pages)));
  return {};
}

Result<ChunkTable::Removed> Retention::remove_oldest(std::int64_t tier, UnixNanos cutoff, std::int64_t at_most) {
  // Each may touch a page of its own in the table and in two indexes.
  const auto pages = static_cast<std::int64_t>(file_.transaction_bytes()) / 1024;
  const std::int64_t most = std::min(at_most, std::max<std::int64_t>(pages / 4, 8));
  ChunkTable::Removed removed;
  RESMON_TRY(file_.transact_once([&]() -> Status {
    RESMON_ASSIGN(removed, file_.chunks().remove_oldest(tier, cutoff, most));
    if (removed.any()) fail_point("retention");
    return {};
  }));
  for (const GroupId id : removed.groups) heads_.note_idle(id);
  return removed;
}

Result<std::size_t> Retention::evict(std::int64_t pages) {
  std::size_t total = 0;
  for (std::int64_t tier = kTierRaw; tier < static_cast<std::int64_t>(kTiers);) {
    RESMON_ASSIGN(const std::int64_t free_pages, file_.free_pages());
    if (free_pages >= pages) break;
    RESMON_ASSIGN(const ChunkTable::Removed removed, remove_oldest(tier, INT64_MAX, kRowsAStep / 4));
    if (!removed.any()) ++tier;
    evicted_ += removed.chunks();
    total += removed.chunks();
  }
  if (total > 0) log::info("store", "oldest chunks removed to stay within the size limit", {{"chunks", total}});
  return total;
}

Status Retention::evict_tier(std::int64_t tier, std::uint64_t limit_bytes) {
  if (limit_bytes == 0) return {};
  for (int step = 0; step < kExpireSteps; ++step) {
    if (file_.chunks().bytes(tier) <= limit_bytes) return {};
    RESMON_ASSIGN(const ChunkTable::Removed removed, remove_oldest(tier, INT64_MAX, kRowsAStep / 16));
    if (!removed.any()) return {};
    evicted_ += removed.chunks();
  }
  return {};  // the rest with the next call
}

Status Retention::expire(std::int64_t tier, UnixNanos cutoff) {
  for (int step = 0; step < kExpireSteps; ++step) {
    RESMON_ASSIGN(const ChunkTable::Removed removed, remove_oldest(tier, cutoff, kRowsAStep));
    if (!removed.any()) return {};
    expired_ += removed.chunks();
  }
  behind_ = true;  // the rest with the next call
  return {};
}

Status Retention::look_up_oldest() {
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    RESMON_ASSIGN(UnixNanos oldest, file_.chunks().oldest(static_cast<std::int64_t>(tier)));
    if (tier == kTierRaw) oldest = std::min(oldest, heads_.oldest_time());
    oldest_[tier] = oldest == INT64_MAX ? 0 : oldest;
  }
  return {};
}

Status Retention::keep_pages_free() {
  if (options_.disk_limit_bytes == 0) return {};
  RESMON_ASSIGN(const std::int64_t limit, file_.most_pages());
  RESMON_ASSIGN(const std::int64_t pages, file_.pages());
  RESMON_ASSIGN(const std::int64_t free_pages, file_.free_pages());
  if (limit - pages + free_pages >= limit / 20) return {};
  RESMON_TRY(evict(limit / 12 - (limit - pages)));
  return {};
}

Status Retention::expire_all(UnixNanos now) {
  const auto keep = [&](std::int64_t tier, std::chrono::seconds retain) -> Status {
    if (retain.count() <= 0) return {};
    return expire(tier, minus(now, std::chrono::nanoseconds(retain).count()));
  };
  RESMON_TRY(keep(kTierRaw, options_.retain));
  RESMON_TRY(keep(kTierMinute, options_.minutes.retain));
  return keep(kTierHour, options_.hours.retain);
}

Status Retention::retain(UnixNanos now) {
  RESMON_TRY(keep_pages_free());
  RESMON_TRY(evict_tier(kTierRaw, options_.rows_limit_bytes));
  RESMON_TRY(evict_tier(kTierMinute, options_.minutes.limit_bytes));
  RESMON_TRY(evict_tier(kTierHour, options_.hours.limit_bytes));
  const bool due = std::exchange(behind_, false) || minus(now, last_) >= kRetainEvery;
  if (due) {
    last_ = now;
    RESMON_TRY(expire_all(now));
  }
  if (due || oldest_[kTierRaw] == 0) RESMON_TRY(look_up_oldest());
  RESMON_ASSIGN(const std::int64_t pages, file_.pages());
  RESMON_ASSIGN(const std::int64_t free_pages, file_.free_pages());
  // Free pages are used again; only when much is free does the file shrink, a little at a time.
  if (free_pages > 8192 && free_pages > pages / 3) return file_.shrink(1024);
  return {};
}

}  // namespace resmon::store
