#include "store/loaded_chunk.h"

#include <utility>

namespace resmon::store {

Result<std::shared_ptr<const LoadedChunk>> LoadedChunk::open(std::string_view bytes) {
  auto chunk = std::make_shared<LoadedChunk>();
  chunk->bytes_ = bytes;
  RESMON_ASSIGN(chunk->reader_, ChunkReader::open(chunk->bytes_));
  return std::shared_ptr<const LoadedChunk>(std::move(chunk));
}

std::size_t LoadedChunk::memory_bytes() const {
  return sizeof(*this) + bytes_.capacity() + reader_.entries().capacity() * sizeof(ChunkReader::Entry);
}

}  // namespace resmon::store
