#include "store/chunk_cache.h"

#include <gtest/gtest.h>

namespace resmon::store {
namespace {

std::shared_ptr<const LoadedChunk> chunk_of(UnixNanos time) {
  Rows rows;
  rows.times = {time};
  RowColumn column;
  column.cells = {metric::cell_of(1.5)};
  column.presence = {1};
  rows.columns.push_back(std::move(column));
  Result<std::shared_ptr<const LoadedChunk>> chunk = LoadedChunk::open(encode_chunk(rows));
  EXPECT_TRUE(chunk) << chunk.error().message;
  return *chunk;
}

TEST(ChunkCache, KeepsWhatWasUsedLastWithinItsBound) {
  const std::size_t one = chunk_of(1)->memory_bytes();
  ChunkCache cache(one * 10);
  for (std::int64_t id = 0; id < 10; ++id) cache.add(id, chunk_of(id));
  EXPECT_EQ(cache.memory_bytes(), one * 10);
  ASSERT_NE(cache.find(0), nullptr);  // now the newest
  cache.add(10, chunk_of(10));
  EXPECT_EQ(cache.memory_bytes(), one * 10);
  EXPECT_EQ(cache.find(1), nullptr);
  for (const std::int64_t id : {0, 2, 9, 10}) {
    const auto found = cache.find(id);
    ASSERT_NE(found, nullptr) << id;
    EXPECT_EQ(found->reader().rows()->times, std::vector<UnixNanos>{id});
  }
}

TEST(ChunkCache, OneThatIsTooLargeCostsNoOther) {
  const std::size_t one = chunk_of(1)->memory_bytes();
  ChunkCache small(one * 4);
  small.add(1, chunk_of(1));
  EXPECT_EQ(small.find(1), nullptr);
  EXPECT_EQ(small.memory_bytes(), 0U);
}

TEST(ChunkCache, NothingDamagedGetsIn) {
  EXPECT_EQ(LoadedChunk::open("nonsense").error().kind, ErrorKind::kDamaged);
}

}  // namespace
}  // namespace resmon::store
