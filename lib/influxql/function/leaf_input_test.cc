#include "influxql/function/leaf_input.h"

#include <gtest/gtest.h>

namespace resmon::influxql {
namespace {

// How many windows there is memory for.
std::size_t fill_windows(Budget& budget) {
  ByWindow<std::uint64_t> windows(budget);
  Status status;
  std::size_t count = 0;
  while (count < 1'000'000 && windows.at(static_cast<UnixNanos>(count), status) != nullptr) ++count;
  return count;
}

TEST(ByWindowTest, ManyWindowsTakeMemoryOfTheQueryAndGiveItBack) {
  MemoryPool pool(1U << 20U);
  QueryLimits limits;
  limits.memory = &pool;
  {
    Budget budget(limits);
    const std::size_t first = fill_windows(budget);
    EXPECT_GT(first, 5'000U);
    EXPECT_LT(first, pool.limit_bytes() / sizeof(ByWindow<std::uint64_t>::Entry));
    EXPECT_EQ(fill_windows(budget), first);
  }
  EXPECT_EQ(pool.used_bytes(), 0U);
}

}  // namespace
}  // namespace resmon::influxql
