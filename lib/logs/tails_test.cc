#include "logs/tails.h"

#include <gtest/gtest.h>

#include "logs/test_support.h"

namespace resmon::logs {
namespace {

TEST(TailsTest, EveryViewerSeesAllLinesOnce) {
  Tails tails;
  const auto one = tails.follow();
  const auto lines = numbered_lines("s", 3, 0);
  tails.show("h", lines);
  const auto two = tails.follow();
  tails.show("h2", lines);
  std::uint64_t dropped = 1;
  const auto seen = one->take(dropped);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].host, "h");
  EXPECT_EQ(seen[1].host, "h2");
  EXPECT_EQ(seen[0].lines, lines);
  EXPECT_EQ(dropped, 0U);
  EXPECT_EQ(two->take(dropped).size(), 1U);
  EXPECT_EQ(one->take(dropped).size(), 0U);
}

TEST(TailsTest, WhatDoesNotFitIsCountedUntilTheViewerTakes) {
  Tails tails;
  const auto tail = tails.follow();
  const auto half = numbered_lines("s", 1000, 0, 0, (2U << 20U) / 1000 - 70);
  tails.show("h", half);
  tails.show("h", half);
  tails.show("h", half);
  std::uint64_t dropped = 0;
  EXPECT_EQ(tail->take(dropped).size(), 2U);
  EXPECT_EQ(dropped, 1000U);
  EXPECT_EQ(tails.dropped_lines(), 1000U);
  tails.show("h", half);
  EXPECT_EQ(tail->take(dropped).size(), 1U);
  EXPECT_EQ(dropped, 0U);
}

TEST(TailsTest, ViewersAreBoundedAndThoseThatLeftMakeRoom) {
  Tails tails;
  std::vector<std::shared_ptr<Tail>> all;
  for (int i = 0; i < 64; ++i) {
    all.push_back(tails.follow());
    ASSERT_NE(all.back(), nullptr);
  }
  EXPECT_EQ(tails.follow(), nullptr);
  all.pop_back();
  EXPECT_NE(tails.follow(), nullptr);
}

}  // namespace
}  // namespace resmon::logs
