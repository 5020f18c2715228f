// Retention. By age: chunks whose last row is too old. By size: SQLite is told how many pages the file may have, so the
// cap cannot be passed by any pattern of writes; retain() keeps some of them free by removing the oldest chunks, and a
// transaction that meets the cap all the same removes more and is tried again (in_transaction). The write-ahead log's
// part of the limit is kept by bounding transactions and by checkpointing when it grows, for which readers'
// transactions have to be short.

#include <sys/stat.h>

#include <algorithm>

#include "base/log.h"
#include "store/embedded_store.h"

namespace resmon::store {

namespace {
constexpr UnixNanos kRetainEvery = 60'000'000'000;
constexpr int kRowsAStep = 256;
constexpr int kExpireSteps = 8;
}  // namespace

Status EmbeddedStore::save_chunk_count() {
  RESMON_ASSIGN(Statement update, database_.prepare("UPDATE meta SET value = ?1 WHERE key = 'chunks'"));
  return update.bind(1, chunk_count_).run();
}

Status EmbeddedStore::apply_size_limit() {
  if (options_.disk_limit_bytes == 0) return {};
  RESMON_ASSIGN(const std::int64_t page_bytes, database_.query_integer("PRAGMA page_size"));
  const std::uint64_t budget = options_.disk_limit_bytes > wal_budget_bytes_ * 2
                                   ? options_.disk_limit_bytes - wal_budget_bytes_
                                   : options_.disk_limit_bytes / 2;
  const auto pages = std::max<std::int64_t>(static_cast<std::int64_t>(budget) / page_bytes, 64);
  // A file that is larger, since the limit was lowered, is made smaller first.
  RESMON_ASSIGN(const std::int64_t have, database_.query_integer("PRAGMA page_count"));
  if (have > pages) {
    RESMON_TRY(evict(have - pages));
    RESMON_TRY(shrink(have - pages));
    RESMON_TRY(database_.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  RESMON_TRY(database_.query_integer("PRAGMA max_page_count = " + std::to_string(pages)));
  return {};
}

// Removes the oldest chunks until `pages` pages are free.
Result<std::size_t> EmbeddedStore::evict(std::int64_t pages) {
  std::size_t removed = 0;
  RESMON_ASSIGN(Statement remove,
                database_.prepare("DELETE FROM chunks WHERE id IN"
                                  " (SELECT id FROM chunks WHERE tier = ?1 ORDER BY last_time LIMIT ?2)"));
  while (true) {
    RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
    if (free_pages >= pages) break;
    Transaction transaction(database_);
    RESMON_TRY(transaction.begin());
    RESMON_TRY(remove.bind(1, kTierRaw).bind(2, kRowsAStep / 4).run());
    const std::int64_t count = database_.changes();
    if (count == 0) break;
    chunk_count_ = static_cast<std::int64_t>(counters_.chunks.load()) - count;
    RESMON_TRY(save_chunk_count());
    RESMON_TRY(transaction.commit());
    counters_.chunks = static_cast<std::uint64_t>(std::max<std::int64_t>(chunk_count_, 0));
    counters_.evicted += static_cast<std::uint64_t>(count);
    removed += static_cast<std::size_t>(count);
    RESMON_TRY(bound_wal());
  }
  if (removed > 0) log::info("store", "oldest chunks removed to stay within the size limit", {{"chunks", removed}});
  return removed;
}

Status EmbeddedStore::expire(UnixNanos cutoff) {
  RESMON_ASSIGN(
      Statement remove,
      database_.prepare("DELETE FROM chunks WHERE id IN"
                        " (SELECT id FROM chunks WHERE tier = ?1 AND last_time < ?2 ORDER BY last_time LIMIT ?3)"));
  for (int step = 0; step < kExpireSteps; ++step) {
    Transaction transaction(database_);
    RESMON_TRY(transaction.begin());
    RESMON_TRY(remove.bind(1, kTierRaw).bind(2, cutoff).bind(3, kRowsAStep).run());
    const std::int64_t count = database_.changes();
    if (count == 0) {
      last_retention_ = now_;
      return {};
    }
    chunk_count_ = static_cast<std::int64_t>(counters_.chunks.load()) - count;
    RESMON_TRY(save_chunk_count());
    RESMON_TRY(transaction.commit());
    counters_.chunks = static_cast<std::uint64_t>(std::max<std::int64_t>(chunk_count_, 0));
    counters_.expired += static_cast<std::uint64_t>(count);
    RESMON_TRY(bound_wal());
  }
  return {};  // the rest with the next call
}

Status EmbeddedStore::retain(UnixNanos now) {
  if (options_.disk_limit_bytes > 0) {
    RESMON_ASSIGN(const std::int64_t limit, database_.query_integer("PRAGMA max_page_count"));
    RESMON_ASSIGN(const std::int64_t pages, database_.query_integer("PRAGMA page_count"));
    RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
    if (limit - pages + free_pages < limit / 20) RESMON_TRY(evict(limit / 12 - (limit - pages)));
  }
  if (options_.retain.count() > 0 && minus(now, last_retention_) >= kRetainEvery)
    RESMON_TRY(expire(minus(now, std::chrono::nanoseconds(options_.retain).count())));
  RESMON_ASSIGN(const std::int64_t pages, database_.query_integer("PRAGMA page_count"));
  RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
  // Free pages are used again; only when much is free does the file shrink, a little at a time.
  if (free_pages > 8192 && free_pages > pages / 3) return shrink(1024);
  return {};
}

Status EmbeddedStore::shrink(std::int64_t at_most_pages) {
  RESMON_ASSIGN(const std::int64_t free_pages, database_.query_integer("PRAGMA freelist_count"));
  if (free_pages == 0) return {};
  for (std::int64_t done = 0; done < std::min(at_most_pages, free_pages);) {
    const std::int64_t step = std::min<std::int64_t>(at_most_pages - done, 1024);
    RESMON_TRY(database_.execute("PRAGMA incremental_vacuum(" + std::to_string(step) + ")"));
    RESMON_TRY(bound_wal());
    done += step;
  }
  return {};
}

Status EmbeddedStore::bound_wal() {
  struct stat info {};
  if (::stat((path_ + "-wal").c_str(), &info) != 0) return {};
  if (static_cast<std::uint64_t>(info.st_size) < wal_budget_bytes_ * 3 / 4) return {};
  // Waits for readers for as long as the busy timeout; should that fail, the next transaction tries again.
  (void)database_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  return {};
}

}  // namespace resmon::store
