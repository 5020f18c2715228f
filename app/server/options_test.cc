#include "options.h"

#include <gtest/gtest.h>

namespace resmon::server {
namespace {

TEST(OptionsTest, WhatIsKeptBetweenQueriesIsSmallWhereTheirMemoryIs) {
  Options options;
  const store::Options usual = options.store_options();
  EXPECT_EQ(usual.decoded_cache_bytes, store::Options().decoded_cache_bytes);
  EXPECT_EQ(usual.chunk_cache_bytes, store::Options().chunk_cache_bytes);
  options.query_memory_bytes = 128U << 20U;
  EXPECT_EQ(options.store_options().decoded_cache_bytes, 16U << 20U);
  EXPECT_EQ(options.store_options().chunk_cache_bytes, 8U << 20U);
  options.query_memory_bytes = 1ULL << 40U;
  EXPECT_EQ(options.store_options().decoded_cache_bytes, usual.decoded_cache_bytes);
}

}  // namespace
}  // namespace resmon::server
