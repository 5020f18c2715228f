#pragma once

// What is too old, or too much, goes. The writer's, unless it is said to be any thread's.

#include <array>
#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "store/heads.h"
#include "store/store.h"
#include "store/store_file.h"
#include "store/tier.h"

namespace resmon::store {

class Retention {
 public:
  // All must outlive it.
  Retention(const Options& options, StoreFile& file, Heads& heads) : options_(options), file_(file), heads_(heads) {}

  // Tells SQLite how large the file may be, after it was made no larger.
  Status apply_size_limit();
  // Call with each maintain that wants to; the rest of what is much is removed with the next call.
  Status retain(UnixNanos now);
  bool behind() const { return behind_; }
  void look_again() { last_ = 0; }  // the oldest rows may be others now, or the clock was set back
  // As StoreFile::Evict: rows as long as there are some, since the tiers still say what mattered about them.
  Result<std::size_t> evict(std::int64_t pages);

  // Any thread.
  UnixNanos refused_until(UnixNanos now) const;  // as Store's
  std::uint64_t expired() const { return expired_; }
  std::uint64_t evicted() const { return evicted_; }
  UnixNanos oldest(std::int64_t tier) const { return oldest_[static_cast<std::size_t>(tier)]; }  // 0: nothing

 private:
  Result<ChunkTable::Removed> remove_oldest(std::int64_t tier, UnixNanos cutoff, std::int64_t at_most);
  Status expire(std::int64_t tier, UnixNanos cutoff);
  Status evict_tier(std::int64_t tier, std::uint64_t limit_bytes);
  Status keep_pages_free();
  Status expire_all(UnixNanos now);
  Status look_up_oldest();

  const Options& options_;
  StoreFile& file_;
  Heads& heads_;
  bool behind_ = false;
  UnixNanos last_ = 0;  // when chunks were looked through for their age
  std::atomic<std::uint64_t> expired_ = 0;
  std::atomic<std::uint64_t> evicted_ = 0;
  std::array<std::atomic<UnixNanos>, kTiers> oldest_{};
};

}  // namespace resmon::store
