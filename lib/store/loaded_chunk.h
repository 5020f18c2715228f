#pragma once

// Chunks that were read lately, found in the file, checked and taken apart. Columns stay encoded: that is a tenth of
// the memory, and decoding one costs less than fetching it. A chunk never changes under its id, so nothing here is ever
// out of date; what the store has let go of is no longer asked for, and falls out.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "store/chunk.h"
#include "store/recent_cache.h"

namespace resmon::store {

// A chunk with its bytes.
class LoadedChunk {
 public:
  static Result<std::shared_ptr<const LoadedChunk>> open(std::string_view bytes);  // copied

  const ChunkReader& reader() const { return reader_; }
  std::size_t memory_bytes() const;

 private:
  std::string bytes_;
  ChunkReader reader_;
};

using ChunkCache = RecentCacheInParts<std::int64_t, LoadedChunk>;  // by id

}  // namespace resmon::store
