#include "logs/sealer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "logs/test_support.h"

namespace resmon::logs {
namespace {

std::vector<int> up_to(int count) {
  std::vector<int> out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// A journal of 100 bytes whose records are 0 to 100.
journal::Stats journal_of(std::uint64_t disk_bytes) {
  journal::Stats out;
  out.limit_bytes = 100;
  out.disk_bytes = disk_bytes;
  out.first_position = 0;
  out.last_position = 100;
  return out;
}

TEST(SealerTest, NothingIsDueOfAFewLines) {
  TestParts parts;
  parts.add("s", 3, parts.clock.now);
  EXPECT_FALSE(parts.sealer.seal_due(parts.clock.now, {}));
  EXPECT_EQ(parts.contents.heads().size(), 1U);
  const auto done = parts.sealer.seal_due(parts.clock.now + 2 * kDayNanos, {});
  ASSERT_TRUE(done);
  EXPECT_TRUE(*done);
  EXPECT_EQ(parts.block_lines(), 3U);
  EXPECT_EQ(parts.counters.sealed_blocks, 1U);
}

TEST(SealerTest, TheLargestGoWhileMemoryIsFull) {
  TestParts parts;
  parts.add("a", 10, parts.clock.now, 1000);
  parts.add("b", 30, parts.clock.now, 1000);
  parts.add("c", 20, parts.clock.now, 1000);
  parts.options.head_bytes = parts.contents.head_bytes();
  EXPECT_FALSE(parts.sealer.seal_due(parts.clock.now, {}));
  parts.options.head_bytes -= 1;
  EXPECT_TRUE(parts.sealer.seal_due(parts.clock.now, {}));
  EXPECT_EQ(parts.numbers_in_files("b").size(), 30U);
  EXPECT_EQ(parts.contents.heads().size(), 2U);
}

TEST(SealerTest, TheOldestGoWhileHalfTheJournalIsFull) {
  TestParts parts;
  parts.add("a", 10, parts.clock.now);
  parts.position = 49;
  parts.add("b", 10, parts.clock.now);
  parts.add("c", 10, parts.clock.now);
  EXPECT_FALSE(parts.sealer.seal_due(parts.clock.now, journal_of(50)));
  EXPECT_TRUE(parts.sealer.seal_due(parts.clock.now, journal_of(51)));
  EXPECT_EQ(parts.contents.heads(), (std::vector{parts.key("b", parts.clock.now), parts.key("c", parts.clock.now)}));
}

// As after a kill while the journal was more than half full: its records are read some at a time.
TEST(SealerTest, WhatIsNotReadYetIsNotWaitedFor) {
  TestParts parts;
  parts.add("a", 10, parts.clock.now);
  EXPECT_TRUE(parts.sealer.seal_due(parts.clock.now, journal_of(51)));
  EXPECT_TRUE(parts.contents.heads().empty());
  EXPECT_FALSE(parts.sealer.seal_due(parts.clock.now, journal_of(51)));
}

TEST(SealerTest, SmallFilesAreMergedInOrder) {
  TestParts parts;
  const UnixNanos from = parts.clock.now;
  const StreamDay key = parts.key("s", from);
  parts.add_file("s", 100, from);
  parts.add_file("s", 50, from);
  EXPECT_EQ(parts.contents.parts(key).parts.size(), 1U) << "twice its lines are not too many";
  parts.add_file("s", 74, from);
  EXPECT_EQ(parts.contents.parts(key).parts.size(), 2U) << "150 are written again for 75, not for 74";
  EXPECT_EQ(parts.contents.parts(key).parts.at(0)->lines(), 150U);
  EXPECT_EQ(parts.numbers_in_files("s"), up_to(224));
  parts.add_file("s", 38, from);
  EXPECT_EQ(parts.contents.parts(key).parts.size(), 1U) << "74 with 38, and 150 with both";
  EXPECT_EQ(parts.numbers_in_files("s"), up_to(262));
  EXPECT_EQ(parts.folder.files(".blocks"), 1U);
  EXPECT_EQ(parts.contents.part_bytes(), parts.contents.parts(key).parts.at(0)->bytes());
}

TEST(SealerTest, AFileThatIsLargeIsNotWrittenAgain) {
  TestParts parts;
  const UnixNanos from = parts.clock.now;
  parts.add_file("s", 4096, from);
  parts.add_file("s", 4000, from);
  EXPECT_EQ(parts.contents.parts(parts.key("s", from)).parts.size(), 2U);
  EXPECT_EQ(parts.numbers_in_files("s"), up_to(8096));
}

TEST(SealerTest, WhatCannotBeReadIsNotMerged) {
  TestParts parts;
  const UnixNanos from = parts.clock.now;
  const StreamDay key = parts.key("s", from);
  parts.add_file("s", 100, from);
  const auto first = parts.contents.parts(key).parts.at(0);
  {
    std::fstream file(first->path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(first->blocks().at(0).offset));
    file.write("damage", 6);
  }
  parts.add_file("s", 100, from);
  EXPECT_EQ(parts.counters.damaged_blocks, 1U);
  ASSERT_EQ(parts.contents.parts(key).parts.size(), 2U);
  EXPECT_EQ(parts.contents.parts(key).parts.at(0), first);
  EXPECT_EQ(parts.contents.parts(key).parts.at(1)->lines(), 100U);
}

TEST(SealerTest, AfterAFailureItWaits) {
  TestParts parts;
  parts.add("s", 3, parts.clock.now);
  const std::string directory = parts.folder.path() + "/" + day_name(parts.key("s", parts.clock.now).day);
  std::ofstream(directory) << "in the way";
  const UnixNanos later = parts.clock.now + 2 * kDayNanos;
  const auto failed = parts.sealer.seal_due(later, {});
  ASSERT_TRUE(failed);
  EXPECT_FALSE(*failed);
  EXPECT_EQ(parts.contents.heads().size(), 1U) << "the lines stay";
  std::filesystem::remove(directory);
  EXPECT_FALSE(parts.sealer.seal_due(later, {}));
  EXPECT_TRUE(parts.sealer.seal_all()) << "who asks for it does not wait";
  EXPECT_EQ(parts.block_lines(), 3U);
}

}  // namespace
}  // namespace resmon::logs
