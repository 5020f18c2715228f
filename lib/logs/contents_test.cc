#include "logs/contents.h"

#include <gtest/gtest.h>

#include <thread>

#include "logs/test_support.h"

namespace resmon::logs {
namespace {

TEST(ContentsTest, LinesOfARecordGoToTheirDays) {
  TestParts parts;
  const UnixNanos midnight = parts.clock.now / kDayNanos * kDayNanos;
  parts.add("s", 4, midnight - 2 * kTestSecond);
  EXPECT_EQ(parts.contents.heads().size(), 2U);
  EXPECT_EQ(parts.contents.head(parts.key("s", midnight))->lines, 2U);
  EXPECT_EQ(parts.contents.head(parts.key("s", midnight - 1))->lines, 2U);
  EXPECT_EQ(parts.contents.head(parts.key("t", midnight)), std::nullopt);
}

TEST(ContentsTest, WhatAFileHasIsNotTakenAgain) {
  TestParts parts;
  const UnixNanos from = parts.clock.now;
  const StreamDay key = parts.key("s", from);
  parts.add("s", 2, from);
  parts.add("s", 2, from);
  ASSERT_TRUE(parts.sealer.seal(key));
  EXPECT_EQ(parts.contents.part_position(), 2U);
  parts.contents.add("h", numbered_lines("s", 2, from), from, 2);
  EXPECT_EQ(parts.contents.head(key), std::nullopt);
  parts.contents.add("h", numbered_lines("s", 2, from), from, 3);
  EXPECT_EQ(parts.contents.head(key)->lines, 2U);
  EXPECT_EQ(parts.block_lines(), 4U);
}

TEST(ContentsTest, TheJournalKeepsWhatIsInNoFile) {
  TestParts parts;
  EXPECT_EQ(parts.contents.pinned_position(), 1U);
  EXPECT_EQ(parts.contents.first_head_position(), UINT64_MAX);
  parts.contents.reached(4);
  parts.contents.reached(3);
  EXPECT_EQ(parts.contents.position(), 4U);
  EXPECT_EQ(parts.contents.pinned_position(), 5U);
  parts.contents.add("h", numbered_lines("s", 1, parts.clock.now), parts.clock.now, 5);
  parts.contents.reached(9);
  EXPECT_EQ(parts.contents.pinned_position(), 5U);
  ASSERT_TRUE(parts.sealer.seal_all());
  EXPECT_EQ(parts.contents.pinned_position(), 10U);
}

TEST(ContentsTest, APublishedFileTakesItsHeadsPlaceInOneStep) {
  TestParts parts;
  const StreamDay key = parts.key("s", parts.clock.now);
  parts.add("s", 3, parts.clock.now);
  const Snapshot before = parts.contents.snapshot();
  EXPECT_EQ(before.heads.size(), 1U);
  EXPECT_EQ(before.parts.size(), 0U);
  ASSERT_TRUE(parts.sealer.seal(key));
  const Snapshot after = parts.contents.snapshot();
  EXPECT_EQ(after.heads.size(), 0U);
  ASSERT_EQ(after.parts.size(), 1U);
  EXPECT_EQ(after.parts[0].part->lines(), 3U);
  EXPECT_EQ(parts.contents.head_bytes(), 0U);
  EXPECT_EQ(parts.contents.part_bytes(), after.parts[0].part->bytes());
}

// A stream's day keeps its next number for as long as a line may come.
TEST(ContentsTest, ARemovedFilesNumberIsNotUsedAgain) {
  TestParts parts;
  const UnixNanos from = parts.clock.now;
  const StreamDay key = parts.key("s", from);
  parts.add_file("s", 3, from);
  const auto part = parts.contents.parts(key).parts.at(0);
  EXPECT_TRUE(parts.contents.remove(key, part, from));
  EXPECT_FALSE(parts.contents.remove(key, part, from)) << "it is gone";
  EXPECT_EQ(parts.contents.parts(key).next_number, part->number() + 1);
  EXPECT_EQ(parts.contents.part_bytes(), 0U);
  parts.add_file("s", 3, from);
  EXPECT_TRUE(parts.contents.remove(key, parts.contents.parts(key).parts.at(0), (key.day + 2) * kDayNanos));
  EXPECT_NE(parts.contents.parts(key).next_number, 0U);
  parts.add_file("s", 3, from);
  EXPECT_TRUE(parts.contents.remove(key, parts.contents.parts(key).parts.at(0), (key.day + 2) * kDayNanos + 1));
  EXPECT_EQ(parts.contents.parts(key).next_number, 0U);
}

TEST(ContentsTest, WhoWaitsGoesOnWhenItIsReachedOrNobodyReadsAnyMore) {
  for (const bool reached : {true, false}) {
    Contents contents;
    std::thread other([&] {
      if (reached) {
        contents.reached(7);
        contents.wake();
      } else {
        contents.stop_waiting();
      }
    });
    contents.wait_for(7, std::chrono::steady_clock::now() + std::chrono::seconds(60));
    other.join();
    EXPECT_EQ(contents.position(), reached ? 7U : 0U);
  }
  Contents contents;
  contents.wait_for(1, std::chrono::steady_clock::now());
}

TEST(ContentsTest, NumbersAreOfHeadsAndFiles) {
  TestParts parts;
  const UnixNanos from = parts.clock.now;
  parts.add_file("s", 3, from);
  parts.add("s", 2, from - kTestSecond);
  parts.add("t", 1, from);
  Stats stats;
  parts.contents.add_to(stats);
  EXPECT_EQ(stats.block_lines, 3U);
  EXPECT_EQ(stats.parts, 1U);
  EXPECT_EQ(stats.blocks, 1U);
  EXPECT_EQ(stats.head_lines, 3U);
  EXPECT_EQ(stats.streams, 2U);
  EXPECT_EQ(stats.oldest, from - kTestSecond);
  Stats none;
  Contents().add_to(none);
  EXPECT_EQ(none.oldest, 0);
}

}  // namespace
}  // namespace resmon::logs
