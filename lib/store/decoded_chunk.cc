#include "store/decoded_chunk.h"

namespace resmon::store {

std::size_t DecodedChunk::memory_bytes() const {
  std::size_t bytes = sizeof *this + rows_.times.capacity() * sizeof(UnixNanos);
  for (const RowColumn& column : rows_.columns)
    bytes += sizeof column + column.cells.capacity() * sizeof(metric::Cell) +
             column.presence.capacity() * sizeof(std::uint64_t) + column.text.capacity();
  return bytes;
}

std::string decoded_key(std::int64_t chunk, const std::vector<ColumnId>& columns) {
  std::string key(reinterpret_cast<const char*>(&chunk), sizeof chunk);
  key.append(reinterpret_cast<const char*>(columns.data()), columns.size() * sizeof(ColumnId));
  return key;
}

}  // namespace resmon::store
