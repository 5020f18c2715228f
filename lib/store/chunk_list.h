#pragma once

// Where the newest chunks of a group are, so that the queries that people look at all day need no search in the file.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "store/recent_cache.h"

namespace resmon::store {

struct ChunkEntry {
  std::int64_t id = 0;  // also the generation: of two chunks with a row for one time, the higher id wins
  UnixNanos first_time = 0;
  UnixNanos last_time = 0;
  std::int64_t rows = 0;
};

// The newest chunks that a tier of a group had at one moment.
struct ChunkList {
  static constexpr std::size_t kMost = 32;  // of rows at 5 s, two to four days

  std::uint32_t version = 0;        // what it is true for; GroupState::chunks_version
  bool complete = false;            // there are no older ones
  std::vector<ChunkEntry> entries;  // newest first

  // Has every chunk that ends at `first` or later.
  bool covers(UnixNanos first) const { return complete || entries.back().last_time < first; }
  std::size_t memory_bytes() const { return sizeof(*this) + entries.capacity() * sizeof(ChunkEntry); }
};

using ChunkListCache = RecentCacheInParts<std::uint64_t, ChunkList>;  // by group and tier

}  // namespace resmon::store
