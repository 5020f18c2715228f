#include "store/decoded_chunk.h"

#include <gtest/gtest.h>

namespace resmon::store {
namespace {

TEST(DecodedChunk, CountsTheMemoryOfItsColumns) {
  Rows rows;
  rows.times.assign(100, 7);
  RowColumn column;
  column.cells.assign(100, 1);
  column.presence.assign(2, ~std::uint64_t{0});
  column.text.assign(5000, 'x');
  rows.columns.push_back(column);
  const std::size_t one = DecodedChunk(rows).memory_bytes();
  EXPECT_GE(one, 100 * sizeof(UnixNanos) + 100 * sizeof(metric::Cell) + 16 + 5000);
  rows.columns.push_back(column);
  EXPECT_GE(DecodedChunk(rows).memory_bytes(), one + 100 * sizeof(metric::Cell) + 16 + 5000);
}

TEST(DecodedChunk, OtherColumnsAndChunksHaveOtherKeys) {
  EXPECT_EQ(decoded_key(7, {1, 2}), decoded_key(7, {1, 2}));
  EXPECT_NE(decoded_key(7, {1, 2}), decoded_key(7, {1}));
  EXPECT_NE(decoded_key(7, {1, 2}), decoded_key(7, {1, 3}));
  EXPECT_NE(decoded_key(7, {1}), decoded_key(8, {1}));
}

}  // namespace
}  // namespace resmon::store
