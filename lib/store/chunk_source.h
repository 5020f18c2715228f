#pragma once

// Chunks for whoever reads them: from memory where they were read lately, else from the file. Thread-safe.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/catalog.h"
#include "store/chunk_list.h"
#include "store/chunk_reads.h"
#include "store/decoded_chunk.h"
#include "store/group_state.h"
#include "store/loaded_chunk.h"
#include "store/rows.h"
#include "store/store.h"

namespace resmon::store {

class ChunkSource {
 public:
  // Both must outlive it.
  ChunkSource(const Options& options, const Catalog& catalog)
      : options_(options),
        catalog_(catalog),
        chunks_(options.chunk_cache_bytes),
        decoded_(options.decoded_cache_bytes),
        lists_(options.chunk_cache_bytes / 4) {
    const auto none = std::make_shared<ChunkList>();
    none->complete = true;
    none_ = none;
  }

  // Where the newest chunks of a tier are; null where no lists are kept.
  Result<std::shared_ptr<const ChunkList>> newest(ReadsOnDemand& from, const GroupState& group,
                                                  std::int64_t tier) const;
  // The columns of `wanted` (ascending), never null; of rows from `until` on there may be none. kNotFound where there
  // is no such chunk any more; kDamaged, and walled off, where it does not decode.
  Result<std::shared_ptr<const DecodedChunk>> load(ReadsOnDemand& reads, const ChunkEntry& entry, GroupId group,
                                                   const std::vector<ColumnId>& wanted, UnixNanos until) const;
  // All of a chunk that the writer knows is there; kDamaged as above.
  Result<Rows> load_whole(ChunkReads& reads, std::int64_t id, GroupId group) const;
  std::uint64_t damaged() const { return damaged_count_; }  // found since start

 private:
  Result<Rows> fetch(ReadsOnDemand& from, const ChunkEntry& entry, GroupId group, const std::vector<ColumnId>& wanted,
                     UnixNanos until) const;
  void wall_off(std::int64_t chunk, GroupId group, const std::string& why) const;

  const Options& options_;
  const Catalog& catalog_;
  mutable ChunkCache chunks_;
  mutable DecodedCache decoded_;
  mutable ChunkListCache lists_;
  std::shared_ptr<const ChunkList> none_;
  mutable Mutex damage_mutex_;
  mutable std::unordered_set<std::int64_t> damaged_ GUARDED_BY(damage_mutex_);  // bounded
  mutable std::atomic<std::uint64_t> damaged_count_ = 0;
};

}  // namespace resmon::store
