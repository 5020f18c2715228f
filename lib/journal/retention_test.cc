#include "journal/retention.h"

#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

constexpr std::uint64_t kFileBytes = 8192;

// Four segments of ten records and a file each; so much is planned for them.
struct Kept {
  explicit Kept(std::uint64_t limit_files = 4)
      : retention(kOverheadBytes + limit_files * kFileBytes, segments, cursors, blocks, trigger) {
    for (std::uint64_t first = 1; first < 40; first += 10) segments.adopt(first, first + 9, first, kFileBytes);
  }
  void add(std::string name, std::uint64_t committed, bool may_lose) {
    CursorEntry entry;
    entry.name = std::move(name);
    entry.committed = committed;
    entry.may_lose = may_lose;
    cursors.add(std::move(entry));
  }
  std::uint64_t oldest() const { return segments.first_position(40); }

  Condition work_ready;
  Blocks blocks{4096};
  Segments segments;
  Cursors cursors;
  CommitTrigger trigger{{}, blocks, segments, cursors, work_ready};
  Retention retention;
};

TEST(JournalRetention, WhatEveryReaderCommittedGoes) {
  Kept kept;
  kept.retention.trim(40);
  EXPECT_EQ(kept.oldest(), 1U);  // nobody says what is done with
  kept.add("a", 29, false);
  kept.add("b", 40, true);
  kept.retention.trim(40);
  EXPECT_EQ(kept.oldest(), 21U);
  EXPECT_EQ(kept.retention.dropped_records(), 0U);
  EXPECT_TRUE(kept.cursors.dirty());
  EXPECT_TRUE(kept.segments.discarded().removable(0, false).empty());  // not before the cursors are on the device
  EXPECT_EQ(kept.segments.discarded().removable(1, false).size(), 2U);
}

TEST(JournalRetention, WhatIsNotDurableStays) {
  Kept kept;
  kept.add("a", 40, false);
  kept.retention.trim(19);
  EXPECT_EQ(kept.oldest(), 11U);
}

TEST(JournalRetention, TheNewestFileStays) {
  Kept kept;
  kept.add("a", 40, false);
  kept.retention.trim(40);
  EXPECT_EQ(kept.oldest(), 31U);
}

TEST(JournalRetention, AtTheBoundTheOldestGoes) {
  Kept kept;
  kept.add("a", 15, true);
  EXPECT_TRUE(kept.retention.make_room(0, 40));
  EXPECT_EQ(kept.oldest(), 1U);
  EXPECT_TRUE(kept.retention.make_room(kFileBytes + 1, 40));
  EXPECT_EQ(kept.oldest(), 21U);
  EXPECT_EQ(kept.retention.dropped_records(), 10U);  // of the second; the first was committed
  EXPECT_EQ(kept.cursors.find("a")->entry().dropped, 5U);
  EXPECT_EQ(kept.cursors.find("a")->committed(), 20U);
}

TEST(JournalRetention, FilesThatWereSetAsideGoFirst) {
  Kept kept(5);
  kept.segments.discarded().set_aside("strange", 4096);
  EXPECT_TRUE(kept.retention.make_room(1, 40));
  EXPECT_TRUE(kept.segments.discarded().aside().empty());
  EXPECT_EQ(kept.oldest(), 1U);
}

TEST(JournalRetention, WhatAReaderMustHaveIsNotDropped) {
  Kept kept;
  kept.add("must", 19, false);
  kept.add("may", 0, true);
  EXPECT_FALSE(kept.retention.make_room(kFileBytes + 1, 40));
  EXPECT_EQ(kept.oldest(), 11U);
  EXPECT_EQ(kept.retention.dropped_records(), 10U);
  EXPECT_EQ(kept.retention.keep_within(0, 40), 0U);
  EXPECT_EQ(kept.oldest(), 11U);
}

TEST(JournalRetention, KeepsWithinWhatItIsTold) {
  Kept kept;
  EXPECT_EQ(kept.retention.keep_within(kOverheadBytes + 2 * kFileBytes, 40), 20U);
  EXPECT_EQ(kept.oldest(), 21U);
  EXPECT_EQ(kept.retention.keep_within(0, 29), 0U);  // not durable
  EXPECT_EQ(kept.retention.keep_within(0, 40), 10U);
  EXPECT_EQ(kept.oldest(), 31U);
}

TEST(JournalRetention, RecordsInMemoryGoWithTheirSegment) {
  Kept kept;
  kept.blocks.put({1, 0, 0}, {1, 0, 1, 0}, 0, "x");
  kept.blocks.end_at(1);
  kept.retention.keep_within(kOverheadBytes + 3 * kFileBytes, 40);
  EXPECT_EQ(kept.blocks.at_or_after(1), nullptr);
}

}  // namespace
}  // namespace resmon::journal
