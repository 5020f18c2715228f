#pragma once

// Deletes rows for good. The writer's.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "store/catalog.h"
#include "store/chunk_writer.h"
#include "store/deletion.h"
#include "store/head_snapshots.h"
#include "store/heads.h"
#include "store/removal.h"
#include "store/sealer.h"
#include "store/store_file.h"
#include "store/tier_writer.h"
#include "store/unused_series.h"

namespace resmon::store {

class Deleter {
 public:
  // All must outlive it.
  Deleter(StoreFile& file, Catalog& catalog, Heads& heads, PendingRemoval& removal, HeadSnapshots& snapshots,
          Sealer& sealer, ChunkWriter& chunks, TierWriter& tiers, UnusedSeries& unused)
      : file_(file),
        catalog_(catalog),
        heads_(heads),
        removal_(removal),
        snapshots_(snapshots),
        sealer_(sealer),
        chunks_(chunks),
        tiers_(tiers),
        unused_(unused) {}

  // As Store::remove.
  Result<DeleteReport> remove(const Deletion& deletion, const std::function<void()>& begun);
  // Deletes what was begun, if anything was. Before anything else is written.
  Result<DeleteReport> finish();

  // Any thread.
  std::uint64_t deletions() const { return deletions_; }
  std::uint64_t deleted_rows() const { return deleted_rows_; }

 private:
  Status seal_heads(const std::vector<GroupId>& groups, TimeRange range);
  Status delete_some(const std::vector<GroupId>& ids, std::size_t& next, TimeRange range, DeleteReport& report);
  Status delete_rows(GroupState& group, TimeRange range, DeleteReport& report, std::size_t& bytes);

  StoreFile& file_;
  Catalog& catalog_;
  Heads& heads_;
  PendingRemoval& removal_;
  HeadSnapshots& snapshots_;
  Sealer& sealer_;
  ChunkWriter& chunks_;
  TierWriter& tiers_;
  UnusedSeries& unused_;
  std::atomic<std::uint64_t> deletions_ = 0;
  std::atomic<std::uint64_t> deleted_rows_ = 0;
};

}  // namespace resmon::store
