#pragma once

// Heads that are due become chunks. The writer's.

#include <cstddef>
#include <span>

#include "base/result.h"
#include "store/chunk_writer.h"
#include "store/heads.h"
#include "store/store_file.h"
#include "store/store_time.h"
#include "store/tier_writer.h"

namespace resmon::store {

class Sealer {
 public:
  // All must outlive the sealer.
  Sealer(const StoreTime& time, StoreFile& file, Heads& heads, ChunkWriter& chunks, TierWriter& tiers)
      : time_(time), file_(file), heads_(heads), chunks_(chunks), tiers_(tiers) {}

  // What is not sealed in time stays in heads, and in the journal.
  Status seal(std::span<GroupState* const> groups);
  Status seal_due(std::size_t at_most);
  Status seal_all();
  // Large heads in turn, until they took so much memory. All of what heads take would hold up the writer for seconds.
  Status seal_large(std::uint64_t bytes);

 private:
  Status seal_group(GroupState& group, std::size_t& bytes);

  const StoreTime& time_;
  StoreFile& file_;
  Heads& heads_;
  ChunkWriter& chunks_;
  TierWriter& tiers_;
};

}  // namespace resmon::store
