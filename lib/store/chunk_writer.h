#pragma once

// Rows of a group into chunks, joined with those that are there. In a transaction; the writer's.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "store/chunk_source.h"
#include "store/group_state.h"
#include "store/rows.h"
#include "store/store.h"
#include "store/store_file.h"

namespace resmon::store {

class ChunkWriter {
 public:
  // All must outlive the writer.
  ChunkWriter(const Options& options, StoreFile& file, const ChunkSource& source)
      : rows_per_chunk_(options.rows_per_chunk), file_(file), source_(source) {}

  // `bytes` grows by what was written.
  // Rows of a head, ascending, of any length.
  Status append(GroupState& group, Rows rows, std::size_t& bytes);
  // Rows of a tier where they belong. REQUIRES: one chunk can hold them
  Status put(GroupState& group, std::int64_t tier, Rows rows, std::size_t& bytes);
  Status insert(GroupState& group, std::int64_t tier, const Rows& rows, std::size_t& bytes);
  // Takes a range of times out of a tier's chunks; how many rows that were. Damaged chunks stay.
  Result<std::uint64_t> cut(GroupState& group, std::int64_t tier, TimeRange range, std::size_t& bytes);

 private:
  Status append_part(GroupState& group, Rows part, std::size_t& bytes);
  Status look_up_newest(GroupState& group);
  Result<std::optional<Rows>> rows_outside(GroupState& group, std::int64_t tier, const ChunkEntry& entry,
                                           TimeRange range);

  const std::uint32_t rows_per_chunk_;
  StoreFile& file_;
  const ChunkSource& source_;
};

}  // namespace resmon::store
