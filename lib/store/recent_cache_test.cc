#include "store/recent_cache.h"

#include <gtest/gtest.h>

namespace resmon::store {
namespace {

struct Value {
  int what = 0;
  std::size_t bytes = 840;  // a thousand, with its place in the cache
  std::size_t memory_bytes() const { return bytes; }
};
using Cache = RecentCache<int, Value>;

std::shared_ptr<const Value> value(int what, std::size_t bytes = 840) {
  return std::make_shared<Value>(Value{what, bytes});
}

TEST(RecentCache, KeepsWhatWasUsedLastWithinItsBound) {
  Cache cache(10'000, 1'250);
  for (int key = 0; key < 10; ++key) cache.add(key, value(key));
  EXPECT_EQ(cache.memory_bytes(), 10'000U);
  ASSERT_NE(cache.find(0), nullptr);  // now the newest
  cache.add(10, value(10));
  EXPECT_EQ(cache.memory_bytes(), 10'000U);
  EXPECT_EQ(cache.find(1), nullptr);
  for (const int key : {0, 2, 9, 10}) {
    const auto found = cache.find(key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(found->what, key);
  }
}

TEST(RecentCache, ANewerValueTakesThePlaceOfTheOlder) {
  Cache cache(10'000, 1'250);
  cache.add(1, value(1));
  const auto kept = cache.find(1);
  cache.add(1, value(2, 340));
  EXPECT_EQ(cache.find(1)->what, 2);
  EXPECT_EQ(cache.memory_bytes(), 500U);
  EXPECT_EQ(kept->what, 1);
}

TEST(RecentCache, OneThatIsTooLargeCostsNoOther) {
  Cache cache(4'000, 500);
  cache.add(1, value(1, 300));
  cache.add(2, value(2));
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_NE(cache.find(1), nullptr);
  EXPECT_EQ(cache.memory_bytes(), 460U);
}

TEST(RecentCache, PartsKeepWithinTheBoundOfAll) {
  RecentCacheInParts<int, Value> cache(80'000);
  for (int key = 0; key < 1000; ++key) cache.add(key, value(key));
  int kept = 0;
  for (int key = 0; key < 1000; ++key) {
    const auto found = cache.find(key);
    if (found == nullptr) continue;
    EXPECT_EQ(found->what, key);
    ++kept;
  }
  EXPECT_EQ(kept, 80);
  cache.add(7, value(7, 20'000));  // larger than a part
  EXPECT_EQ(cache.find(7), nullptr);
}

}  // namespace
}  // namespace resmon::store
