#pragma once

// Sealed rows into windows of a minute and of an hour. In the transaction that seals the rows; the writer's.

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "store/catalog.h"
#include "store/chunk_source.h"
#include "store/chunk_writer.h"
#include "store/group_state.h"
#include "store/store_file.h"
#include "store/store_time.h"

namespace resmon::store {

class TierWriter {
 public:
  // All must outlive the writer.
  TierWriter(const StoreTime& time, StoreFile& file, const Catalog& catalog, const ChunkSource& source,
             ChunkWriter& chunks)
      : time_(time), file_(file), catalog_(catalog), source_(source), chunks_(chunks) {}

  // After rows of these times, ascending, were sealed. `bytes` grows by what was written.
  Status add(GroupState& group, const std::vector<UnixNanos>& sealed, std::size_t& bytes);
  // After rows of the range were removed: windows that have lost rows say so, or go. False: there were none.
  Result<bool> remove(GroupState& group, TimeRange range, std::size_t& bytes);

  // Where the block ends that has this time; those of different groups end at different hours, so as to spread the
  // work.
  static UnixNanos block_end(GroupId group, UnixNanos time);

 private:
  Status look_up(GroupState& group);
  Status fold(GroupState& group, UnixNanos first, UnixNanos last, std::size_t& bytes);

  const StoreTime& time_;
  StoreFile& file_;
  const Catalog& catalog_;
  const ChunkSource& source_;
  ChunkWriter& chunks_;
};

}  // namespace resmon::store
