#include "journal/read_position.h"

#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

using See = ReaderOptions::See;

// What a reader that begins after `committed` finds: files with 1 to 10 and 11 to 20, and nothing in memory.
struct Reading {
  explicit Reading(std::uint64_t committed, See see = See::kDurable) : cursor(committed), position(cursor, see) {
    segments.adopt(1, 10, 1, 8192);
    segments.adopt(11, 20, 11, 8192);
  }

  // False: nothing yet.
  bool find(std::uint64_t visible) {
    source = {};
    return position.find(source, segments, blocks, visible, damaged);
  }
  // All of the source was read, but for what is in source.missing.
  void got_all() {
    std::vector<Record> records;
    for (std::uint64_t at = source.at; at <= source.through; ++at)
      if (!is_missing(at)) records.push_back({at, "x", at < source.next, false});
    source.at = source.through + 1;
    position.got(source, records, segments, damaged);
  }
  bool is_missing(std::uint64_t at) const {
    for (const auto& [from, to] : source.missing)
      if (from <= at && at <= to) return true;
    return false;
  }
  void put(std::uint64_t group, std::uint64_t last) {
    blocks.put({group, last - 1, 0}, {1, 0, static_cast<std::uint32_t>(last), 0}, 0, "x");
    blocks.end_at(last);
  }

  Cursor cursor;
  ReadPosition position;
  Segments segments;
  Blocks blocks{4096};
  Source source;
  std::uint64_t damaged = 0;
};

TEST(JournalReadPosition, BeginsWithItsSegmentAndGoesOnWithTheNext) {
  Reading reading(4);
  ASSERT_TRUE(reading.find(20));
  EXPECT_TRUE(reading.source.new_group);
  EXPECT_EQ(reading.source.at, 1U);    // for the decoder
  EXPECT_EQ(reading.source.next, 5U);  // for the reader
  EXPECT_EQ(reading.source.through, 10U);
  EXPECT_EQ(reading.source.segment.first, 1U);
  reading.got_all();
  EXPECT_EQ(reading.position.next(), 11U);
  ASSERT_TRUE(reading.find(15));
  EXPECT_TRUE(reading.source.new_group);
  EXPECT_EQ(reading.source.at, 11U);
  EXPECT_EQ(reading.source.through, 15U);  // what is visible
  reading.got_all();
  EXPECT_FALSE(reading.find(15));
  ASSERT_TRUE(reading.find(20));
  EXPECT_FALSE(reading.source.new_group);
  EXPECT_EQ(reading.source.at, 16U);
  EXPECT_EQ(reading.damaged, 0U);
}

TEST(JournalReadPosition, PrefersMemory) {
  Reading reading(20);
  reading.segments.begin_group(21, 8192);
  reading.put(21, 21);
  reading.put(21, 22);
  reading.segments.end_at(22);
  ASSERT_TRUE(reading.find(22));
  ASSERT_NE(reading.source.block, nullptr);
  EXPECT_EQ(reading.source.block->first, 21U);
  EXPECT_EQ(reading.source.block_end, reading.source.block->size);
  EXPECT_EQ(reading.source.through, 22U);
}

TEST(JournalReadPosition, PassesOverWhatIsNowhere) {
  Reading reading(20);
  reading.segments.begin_group(21, 8192);
  reading.segments.end_at(30);
  reading.segments.begin_file(25, 21, 8192);
  reading.segments.durable_through(25, 27);
  ASSERT_TRUE(reading.find(30));
  EXPECT_EQ(reading.source.at, 25U);
  EXPECT_EQ(reading.damaged, 4U);
  reading.got_all();
  EXPECT_FALSE(reading.find(30));
  EXPECT_EQ(reading.position.next(), 31U);
  EXPECT_EQ(reading.damaged, 7U);
  EXPECT_EQ(reading.cursor.entry().damaged, 7U);
}

TEST(JournalReadPosition, CountsWhatIsMissingOnce) {
  Reading reading(0);
  ASSERT_TRUE(reading.find(20));
  reading.source.missing = {{3, 4}, {7, 7}};
  reading.got_all();
  EXPECT_EQ(reading.cursor.entry().damaged, 3U);
  EXPECT_EQ(reading.damaged, 3U);
  reading.position.read_from(1);
  ASSERT_TRUE(reading.find(20));
  EXPECT_TRUE(reading.source.new_group);
  reading.source.missing = {{3, 4}, {7, 8}};
  reading.got_all();
  EXPECT_EQ(reading.cursor.entry().damaged, 4U);
  EXPECT_EQ(reading.damaged, 4U);
}

TEST(JournalReadPosition, DoesNotCountWhatOnlyTheDecoderMisses) {
  Reading reading(4);
  ASSERT_TRUE(reading.find(20));
  reading.source.missing = {{3, 6}};
  reading.got_all();
  EXPECT_EQ(reading.cursor.entry().damaged, 2U);  // 5 and 6
}

TEST(JournalReadPosition, WhatWasReadOfADroppedSegmentIsInFlight) {
  Reading reading(0);
  reading.cursor.attach(reading.position, Loss::kOldest);
  ASSERT_TRUE(reading.find(20));
  reading.cursor.lose(reading.segments.groups().front(), reading.segments);
  reading.segments.drop_front(1);
  reading.source.missing = {{9, 10}};
  reading.got_all();
  EXPECT_EQ(reading.cursor.entry().dropped, 2U);
  EXPECT_EQ(reading.cursor.on_disk().dropped, 10U);
  EXPECT_EQ(reading.damaged, 0U);
}

TEST(JournalReadPosition, CommitsGoNoFurtherThanWhatWasRead) {
  Reading reading(0);
  EXPECT_EQ(reading.position.through(7), 0U);
  ASSERT_TRUE(reading.find(20));
  reading.source.missing = {{9, 10}};
  reading.got_all();
  EXPECT_EQ(reading.position.through(7), 7U);
  EXPECT_EQ(reading.position.through(8), 10U);  // behind it there is only damage
  EXPECT_EQ(reading.position.through(30), 10U);
  reading.position.pass(15);
  reading.position.pass(12);
  EXPECT_EQ(reading.position.next(), 16U);
}

TEST(JournalReadPosition, SeesWhatItMay) {
  const Reading durable(0);
  EXPECT_EQ(durable.position.visible(5, 9), 5U);
  const Reading appended(0, See::kAppended);
  EXPECT_EQ(appended.position.visible(5, 9), 9U);
  EXPECT_EQ(appended.position.visible(5, 3), 5U);
}

TEST(JournalReadPosition, WakesOnceForWhatWasNotThere) {
  Reading reading(20);
  int calls = 0;
  reading.position.on_readable([&] { ++calls; });
  std::vector<std::function<void()>> wakes;
  EXPECT_FALSE(reading.position.take_wake(20, wakes));
  EXPECT_TRUE(reading.position.take_wake(21, wakes));  // it never looked
  EXPECT_FALSE(reading.position.take_wake(21, wakes));
  EXPECT_FALSE(reading.find(20));
  EXPECT_TRUE(reading.position.take_wake(22, wakes));
  ASSERT_EQ(wakes.size(), 2U);
  wakes[1]();
  EXPECT_EQ(calls, 1);
  Reading silent(20);
  EXPECT_TRUE(silent.position.take_wake(21, wakes));
  EXPECT_EQ(wakes.size(), 2U);
}

}  // namespace
}  // namespace resmon::journal
