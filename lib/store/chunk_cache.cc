#include "store/chunk_cache.h"

#include <iterator>
#include <utility>

namespace resmon::store {

Result<std::shared_ptr<const LoadedChunk>> LoadedChunk::open(std::string_view bytes) {
  auto chunk = std::make_shared<LoadedChunk>();
  chunk->bytes_ = bytes;
  RESMON_ASSIGN(chunk->reader_, ChunkReader::open(chunk->bytes_));
  return std::shared_ptr<const LoadedChunk>(std::move(chunk));
}

std::size_t LoadedChunk::memory_bytes() const {
  constexpr std::size_t kInTheCache = 160;  // the nodes of its list and map, and what allocations cost
  return kInTheCache + sizeof(*this) + bytes_.capacity() + reader_.entries().capacity() * sizeof(ChunkReader::Entry);
}

std::shared_ptr<const LoadedChunk> ChunkCache::find(std::int64_t id) {
  std::lock_guard lock(mutex_);
  const auto place = places_.find(id);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->chunk;
}

void ChunkCache::add(std::int64_t id, std::shared_ptr<const LoadedChunk> chunk) {
  const std::size_t bytes = chunk->memory_bytes();
  if (bytes > limit_bytes_ / 8) return;  // one that is rarely asked for must not cost all others
  std::list<Entry> gone;                 // freed without the lock
  std::lock_guard lock(mutex_);
  if (places_.count(id) != 0) return;
  entries_.push_front({id, std::move(chunk)});
  places_.emplace(id, entries_.begin());
  memory_bytes_ += bytes;
  while (memory_bytes_ > limit_bytes_) {
    memory_bytes_ -= entries_.back().chunk->memory_bytes();
    places_.erase(entries_.back().id);
    gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
  }
}

std::size_t ChunkCache::memory_bytes() const {
  std::lock_guard lock(mutex_);
  return memory_bytes_;
}

}  // namespace resmon::store
