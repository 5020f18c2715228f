#include "logs/part_remover.h"

#include <gtest/gtest.h>

#include "logs/test_support.h"

namespace resmon::logs {
namespace {

Options kept_for(std::chrono::seconds retain) {
  Options out;
  out.retain = retain;
  return out;
}

TEST(PartRemoverTest, AFileGoesWithItsNewestLine) {
  TestParts parts(kept_for(std::chrono::seconds(100)));
  const UnixNanos from = parts.clock.now;
  parts.add_file("s", 3, from);  // the newest is at 2 s
  parts.remover.run(from + 102 * kTestSecond);
  EXPECT_EQ(parts.block_lines(), 3U);
  parts.remover.run(from + 106 * kTestSecond);
  EXPECT_EQ(parts.block_lines(), 3U) << "it looks every five seconds";
  parts.remover.run(from + 107 * kTestSecond);
  EXPECT_EQ(parts.block_lines(), 0U);
  EXPECT_EQ(parts.counters.expired_lines, 3U);
  EXPECT_EQ(parts.folder.files(".blocks"), 0U);
}

TEST(PartRemoverTest, AClockThatWasSetBackDoesNotStopIt) {
  TestParts parts(kept_for(std::chrono::seconds(100)));
  const UnixNanos from = parts.clock.now;
  parts.add_file("s", 1, from - 300 * kTestSecond);
  parts.remover.run(from - 299 * kTestSecond);
  parts.remover.run(from - 305 * kTestSecond);
  EXPECT_EQ(parts.block_lines(), 1U);
  parts.remover.run(from);
  EXPECT_EQ(parts.block_lines(), 0U);
}

// The oldest day first, within it the file with the oldest newest line.
TEST(PartRemoverTest, TheOldestGoFirstAndNoMoreThanMust) {
  TestParts parts(kept_for(std::chrono::seconds(0)));
  const UnixNanos from = parts.clock.now;
  parts.add_file("b", 100, from);
  parts.add_file("a", 100, from + 3600 * kTestSecond);
  parts.add_file("c", 100, from - kDayNanos);
  const std::uint64_t all = parts.contents.part_bytes();
  const std::uint64_t of_c = parts.contents.parts(parts.key("c", from - kDayNanos)).parts.at(0)->bytes();
  parts.options.limit_bytes = all;
  parts.remover.keep_bounds(0);
  EXPECT_EQ(parts.block_lines(), 300U);
  parts.remover.keep_bounds(of_c);
  EXPECT_EQ(parts.block_lines(), 200U);
  EXPECT_TRUE(parts.numbers_in_files("c").empty());
  parts.remover.keep_bounds(of_c + 1);
  EXPECT_TRUE(parts.numbers_in_files("b").empty());
  EXPECT_EQ(parts.block_lines(), 100U);
  EXPECT_EQ(parts.counters.evicted_lines, 200U);
}

TEST(PartRemoverTest, ABoundOfSomeSourcesIsKeptByTheirsOnly) {
  Options options = kept_for(std::chrono::seconds(0));
  options.retention = {{"debug", "debug*", std::chrono::seconds(0), 1}};
  TestParts parts(options);
  parts.add_file("debug", 10, parts.clock.now);
  parts.add_file("app", 10, parts.clock.now - 3600 * kTestSecond);
  parts.remover.run(parts.clock.now);
  EXPECT_EQ(parts.block_lines(), 10U);
  EXPECT_EQ(parts.numbers_in_files("app").size(), 10U);
}

TEST(PartRemoverTest, AHostIsForgottenWithAllItsFiles) {
  TestParts parts;
  parts.contents.add("other", numbered_lines("s", 5, parts.clock.now), parts.clock.now, 1);
  parts.add_file("s", 3, parts.clock.now);
  parts.add_file("t", 4, parts.clock.now);
  int removed = 0;
  parts.options.at_step = [&](std::string_view step) { removed += step == "removed" ? 1 : 0; };
  EXPECT_EQ(parts.remover.forget("h"), 7U);
  EXPECT_EQ(parts.block_lines(), 5U);
  EXPECT_EQ(removed, 2);
  EXPECT_EQ(parts.remover.forget("h"), 0U);
  EXPECT_EQ(parts.counters.evicted_lines + parts.counters.expired_lines, 0U);
}

}  // namespace
}  // namespace resmon::logs
