#include "store/loaded_chunk.h"

#include <gtest/gtest.h>

namespace resmon::store {
namespace {

TEST(LoadedChunk, IsReadFromBytesOfItsOwn) {
  Rows rows;
  rows.times = {7};
  RowColumn column;
  column.cells = {metric::cell_of(1.5)};
  column.presence = {1};
  rows.columns.push_back(std::move(column));
  std::string bytes = encode_chunk(rows);
  const Result<std::shared_ptr<const LoadedChunk>> chunk = LoadedChunk::open(bytes);
  ASSERT_TRUE(chunk) << chunk.error().message;
  EXPECT_GE((*chunk)->memory_bytes(), bytes.size());
  bytes.assign(bytes.size(), '\0');
  const Result<Rows> read = (*chunk)->reader().rows();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->times, std::vector<UnixNanos>{7});
  EXPECT_EQ(read->columns.at(0).cells, std::vector<metric::Cell>{metric::cell_of(1.5)});
}

TEST(LoadedChunk, NothingDamagedIsOpened) {
  EXPECT_EQ(LoadedChunk::open("nonsense").error().kind, ErrorKind::kDamaged);
}

}  // namespace
}  // namespace resmon::store
