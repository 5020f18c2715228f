#include "influxql/helpers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "influxql/thread_helpers.h"

namespace resmon::influxql {
namespace {

TEST(Helpers, EachIndexIsDoneOnce) {
  const ThreadHelpers threads(3);
  for (const Helpers* helpers : {static_cast<const Helpers*>(nullptr), static_cast<const Helpers*>(&threads)}) {
    std::vector<std::atomic<int>> done(1000);
    for_each_index(helpers, done.size(), [&](std::size_t i) { return ++done[i] == 1; });
    for (const auto& one : done) ASSERT_EQ(one, 1);
    for_each_index(helpers, 0, [](std::size_t) -> bool { throw std::logic_error("there is none"); });
  }
}

TEST(Helpers, NothingIsBegunAfterAFailure) {
  const ThreadHelpers helpers(3);
  std::atomic<int> begun{0};
  for_each_index(&helpers, 1'000'000, [&](std::size_t) {
    ++begun;
    return false;
  });
  EXPECT_LE(begun, 4);
}

TEST(Helpers, AnExceptionArrivesWhenAllHaveEnded) {
  const ThreadHelpers helpers(3);
  std::atomic<int> running{0};
  const auto all = [&] {
    for_each_index(&helpers, 100, [&](std::size_t i) -> bool {
      ++running;
      if (i == 7) {
        --running;
        throw std::runtime_error("seven");
      }
      --running;
      return true;
    });
  };
  EXPECT_THROW(all(), std::runtime_error);
  EXPECT_EQ(running, 0);
}

}  // namespace
}  // namespace resmon::influxql
