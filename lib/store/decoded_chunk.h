#pragma once

// Columns of chunks that were decoded lately: who looks at a page asks for the same ones every few seconds. What a
// chunk holds never changes under its id, so nothing here is ever out of date.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "store/recent_cache.h"
#include "store/rows.h"

namespace resmon::store {

class DecodedChunk {
 public:
  explicit DecodedChunk(Rows rows) : rows_(std::move(rows)) {}

  const Rows& rows() const { return rows_; }
  std::size_t memory_bytes() const;

 private:
  Rows rows_;
};

// Which columns of which chunk, as bytes.
std::string decoded_key(std::int64_t chunk, const std::vector<ColumnId>& columns);

using DecodedCache = RecentCacheInParts<std::string, DecodedChunk>;

}  // namespace resmon::store
