#pragma once

// Chunks that were read lately, found in the file, checked and taken apart. Columns stay encoded: that is a tenth of
// the memory, and decoding one costs less than fetching it. A chunk never changes under its id, so nothing here is ever
// out of date; what the store has let go of is no longer asked for, and falls out.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/chunk.h"

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

// Thread-safe. What was used last stays, within `limit_bytes`.
class ChunkCache {
 public:
  explicit ChunkCache(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  std::shared_ptr<const LoadedChunk> find(std::int64_t id);  // null: not here
  void add(std::int64_t id, std::shared_ptr<const LoadedChunk> chunk);
  std::size_t memory_bytes() const;

 private:
  struct Entry {
    std::int64_t id = 0;
    std::shared_ptr<const LoadedChunk> chunk;
  };

  const std::size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;                                             // newest use first; guarded by mutex_
  std::unordered_map<std::int64_t, std::list<Entry>::iterator> places_;  // guarded by mutex_
  std::size_t memory_bytes_ = 0;                                         // guarded by mutex_
};

}  // namespace resmon::store
