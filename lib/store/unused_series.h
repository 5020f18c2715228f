#pragma once

// Forgets series of which nothing is left. The writer's.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "store/catalog.h"
#include "store/head_snapshots.h"
#include "store/heads.h"
#include "store/row_plans.h"
#include "store/store.h"
#include "store/store_file.h"
#include "store/store_time.h"

namespace resmon::store {

class UnusedSeries {
 public:
  // All must outlive it.
  UnusedSeries(const Options& options, const StoreTime& time, StoreFile& file, Catalog& catalog, Heads& heads,
               RowPlans& plans, const HeadSnapshots& snapshots)
      : options_(options),
        time_(time),
        file_(file),
        catalog_(catalog),
        heads_(heads),
        plans_(plans),
        snapshots_(snapshots) {}

  // Of heads that are old enough to be sealed, those whose rows are all past the retention are dropped. The others are
  // due.
  Status sort_aged(const std::vector<GroupId>& aged);
  // Looks through some groups, and forgets those that have nothing.
  Status look();
  // After groups were dropped from the file's catalog: rows that come for them are of new ones.
  void forget(const std::vector<GroupId>& groups);

  // Any thread.
  std::uint64_t forgotten() const { return forgotten_; }
  std::uint64_t expired_heads() const { return expired_heads_; }

 private:
  Result<bool> unused(GroupId id);
  Result<bool> leaves_nothing(const GroupState& group);
  std::vector<GroupId> next_to_look_at(std::size_t idle, std::size_t others);
  Status free_buried();

  const Options& options_;
  const StoreTime& time_;
  StoreFile& file_;
  Catalog& catalog_;
  Heads& heads_;
  RowPlans& plans_;
  const HeadSnapshots& snapshots_;
  GroupId next_ = 0;  // from where to look for groups that never had any chunk
  std::size_t at_once_ = 0;
  std::atomic<std::uint64_t> forgotten_ = 0;
  std::atomic<std::uint64_t> expired_heads_ = 0;
};

}  // namespace resmon::store
