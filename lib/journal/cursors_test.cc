#include "journal/cursors.h"

#include <gtest/gtest.h>

#include "journal/read_position.h"

namespace resmon::journal {
namespace {

using namespace std::chrono_literals;

Segments one_group(std::uint64_t weight) {
  Segments segments;
  segments.adopt(1, 10, 1, 8192);
  segments.weigh(1, weight);
  return segments;
}

CursorEntry named(std::string name, std::uint64_t committed, bool may_lose = false) {
  CursorEntry entry;
  entry.name = std::move(name);
  entry.committed = committed;
  entry.may_lose = may_lose;
  return entry;
}

// A cursor whose reader was given more than it committed.
struct WithReader {
  WithReader(std::uint64_t committed, std::uint64_t delivered)
      : cursor(committed), position(cursor, ReaderOptions::See::kDurable) {
    position.pass(delivered);
    cursor.attach(position, Loss::kNever);
  }

  Cursor cursor;
  ReadPosition position;
};

TEST(JournalCursor, CommitsForwardOnly) {
  Cursor cursor(5);
  EXPECT_FALSE(cursor.commit(5));
  EXPECT_TRUE(cursor.commit(6));
  EXPECT_EQ(cursor.committed(), 6U);
  EXPECT_EQ(cursor.rewind(), 7U);
}

TEST(JournalCursor, ADroppedGroupIsLostFromWhatWasDeliveredOn) {
  const Segments segments = one_group(100);
  WithReader with_reader(2, 6);
  Cursor& cursor = with_reader.cursor;
  EXPECT_TRUE(cursor.lose(segments.groups().front(), segments));
  EXPECT_EQ(cursor.committed(), 10U);
  EXPECT_EQ(cursor.entry().dropped, 4U);
  EXPECT_EQ(cursor.on_disk().dropped, 8U);  // a crash loses what is in flight, too
  EXPECT_EQ(cursor.entry().dropped_weight, 100U);
  // What was in flight arrives.
  EXPECT_FALSE(cursor.commit(5));
  EXPECT_EQ(cursor.on_disk().dropped, 8U);
  EXPECT_FALSE(cursor.commit(6));
  EXPECT_EQ(cursor.on_disk().dropped, 4U);
}

TEST(JournalCursor, WhatWasInFlightIsDroppedByARewind) {
  const Segments segments = one_group(0);
  WithReader with_reader(0, 3);
  Cursor& cursor = with_reader.cursor;
  EXPECT_TRUE(cursor.lose(segments.groups().front(), segments));
  EXPECT_EQ(cursor.entry().dropped, 7U);
  EXPECT_EQ(cursor.rewind(), 11U);
  EXPECT_EQ(cursor.entry().dropped, 10U);
  EXPECT_EQ(cursor.on_disk().dropped, 10U);
}

TEST(JournalCursor, WhoHadPassedTheGroupLosesNothing) {
  const Segments segments = one_group(100);
  Cursor cursor(10);
  EXPECT_FALSE(cursor.lose(segments.groups().front(), segments));
  EXPECT_EQ(cursor.entry().dropped, 0U);
  EXPECT_EQ(cursor.entry().dropped_weight, 0U);
}

TEST(JournalCursor, LosesOnlyTheWeightThatItHadNotPassed) {
  const Segments segments = one_group(100);
  Cursor cursor(0);
  EXPECT_TRUE(cursor.pass(4, 30));
  EXPECT_FALSE(cursor.pass(4, 30));
  EXPECT_TRUE(cursor.lose(segments.groups().front(), segments));
  EXPECT_EQ(cursor.entry().dropped_weight, 70U);
  EXPECT_EQ(cursor.entry().accounted_weight, 100U);
  // One of them was read before, and is done with now.
  EXPECT_FALSE(cursor.settle(5, 5, 20));
  EXPECT_EQ(cursor.entry().dropped_weight, 50U);
  EXPECT_TRUE(cursor.settle(11, 12, 5));
  EXPECT_EQ(cursor.committed(), 12U);
  EXPECT_EQ(cursor.entry().accounted_weight, 105U);
}

TEST(JournalCursor, WeightOfAPassedGroupIsForgottenWithIt) {
  const Segments segments = one_group(30);
  Cursor cursor(0);
  EXPECT_TRUE(cursor.pass(10, 30));
  EXPECT_FALSE(cursor.lose(segments.groups().front(), segments));
  Segments next;
  next.adopt(11, 20, 11, 8192);
  next.weigh(11, 40);
  EXPECT_TRUE(cursor.lose(next.groups().front(), next));
  EXPECT_EQ(cursor.entry().dropped_weight, 40U);
}

TEST(JournalCursor, GotOfADroppedGroupIsInFlight) {
  const Segments segments = one_group(0);
  Cursor cursor(0);
  EXPECT_TRUE(cursor.lose(segments.groups().front(), segments));
  cursor.got_of_dropped(4, 4);
  EXPECT_EQ(cursor.entry().dropped, 6U);
  EXPECT_EQ(cursor.on_disk().dropped, 10U);
  EXPECT_FALSE(cursor.commit(4));
  EXPECT_EQ(cursor.on_disk().dropped, 6U);
}

TEST(JournalCursor, CorrectionsStopAtNothing) {
  Cursor cursor(0);
  cursor.count_missing(10);
  cursor.correct_dropped_weight(5);
  EXPECT_EQ(cursor.entry().dropped_weight, 15U);
  EXPECT_EQ(cursor.entry().accounted_weight, 10U);
  cursor.correct_dropped_weight(-20);
  EXPECT_EQ(cursor.entry().dropped_weight, 0U);
}

TEST(JournalCursor, AHoldKeepsWhatIsCommitted) {
  Cursor cursor(8);
  EXPECT_EQ(cursor.needs_after(), 8U);
  cursor.hold_after(3);
  EXPECT_EQ(cursor.needs_after(), 3U);
  cursor.start_after(5);
  EXPECT_EQ(cursor.committed(), 5U);
  EXPECT_TRUE(cursor.commit(9));
  EXPECT_EQ(cursor.needs_after(), 5U);
}

TEST(JournalCursor, AHoleBeforeTheOldestFileCountsOnce) {
  Cursor cursor(4);
  cursor.begins_after(4);
  EXPECT_EQ(cursor.entry().damaged, 0U);
  cursor.begins_after(7);
  cursor.begins_after(7);
  EXPECT_EQ(cursor.entry().damaged, 3U);
  EXPECT_EQ(cursor.committed(), 7U);
}

TEST(JournalCursors, TheSlowestDecidesWhatGoes) {
  Cursors cursors;
  cursors.add(named("a", 10));
  cursors.add(named("b", 7, true));
  EXPECT_EQ(cursors.passed_by_all(), 7U);
  EXPECT_FALSE(cursors.any_must_have(10));
  EXPECT_TRUE(cursors.any_must_have(11));
  EXPECT_EQ(cursors.find("c"), nullptr);
  ASSERT_TRUE(cursors.forget("b"));
  EXPECT_EQ(cursors.passed_by_all(), 10U);
}

TEST(JournalCursors, ANewOneBeginsWhereItsReaderWants) {
  Cursors cursors;
  ReaderOptions wanted;
  EXPECT_EQ(cursors.open(wanted, 5, 9).error().kind, ErrorKind::kInvalid);
  wanted.name.assign(kMaxReaderNameBytes + 1, 'n');
  EXPECT_EQ(cursors.open(wanted, 5, 9).error().kind, ErrorKind::kInvalid);
  wanted.name.pop_back();
  EXPECT_EQ((*cursors.open(wanted, 5, 9))->committed(), 4U);
  wanted.name = "newest";
  wanted.start = ReaderOptions::Start::kNewest;
  EXPECT_EQ((*cursors.open(wanted, 5, 9))->committed(), 9U);
  EXPECT_EQ((*cursors.open(wanted, 5, 12))->committed(), 9U);  // it is there
}

TEST(JournalCursors, WithAReaderItIsNeitherOpenedAgainNorForgotten) {
  Cursors cursors;
  ReaderOptions wanted;
  wanted.name = "a";
  Cursor& cursor = **cursors.open(wanted, 1, 0);
  const ReadPosition position(cursor, wanted.see);
  cursor.attach(position, Loss::kOldest);
  EXPECT_TRUE(cursor.stats({}, 0).attached);
  EXPECT_EQ(cursor.stats({}, 0).loss, Loss::kOldest);
  EXPECT_EQ(cursors.open(wanted, 1, 0).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(cursors.forget("a").error().kind, ErrorKind::kInvalid);
  EXPECT_NE(cursors.find("a"), nullptr);
}

TEST(JournalCursors, ThereAreOnlySoMany) {
  Cursors cursors;
  for (std::size_t i = 0; i < kMaxReaders; ++i) cursors.add(named(std::to_string(i), 0));
  ReaderOptions wanted;
  wanted.name = "more";
  EXPECT_EQ(cursors.open(wanted, 1, 0).error().kind, ErrorKind::kLimit);
  wanted.name = "7";
  EXPECT_TRUE(cursors.open(wanted, 1, 0));
  EXPECT_EQ(cursors.forget("more").error().kind, ErrorKind::kNotFound);
}

TEST(JournalCursors, ThoseOfAnEarlierProcessGoBehindWhatIsMissing) {
  Cursors cursors;
  cursors.restore({named("a", 4), named("b", 20)}, 7);
  EXPECT_EQ(cursors.find("a")->committed(), 7U);
  EXPECT_EQ(cursors.find("a")->entry().damaged, 3U);
  EXPECT_EQ(cursors.find("b")->committed(), 20U);
  EXPECT_EQ(cursors.find("b")->entry().damaged, 0U);
}

TEST(JournalCursors, AReaderIsToldOfItsBacklogAndLosses) {
  const Segments segments = one_group(30);
  CursorEntry entry = named("a", 4, true);
  entry.dropped = 2;
  entry.damaged = 3;
  entry.dropped_weight = 5;
  entry.accounted_weight = 6;
  const ReaderStats stats = Cursor(entry).stats(segments, 9);
  EXPECT_EQ(stats.name, "a");
  EXPECT_EQ(stats.loss, Loss::kOldest);
  EXPECT_FALSE(stats.attached);
  EXPECT_EQ(stats.committed, 4U);
  EXPECT_EQ(stats.backlog_records, 5U);
  EXPECT_EQ(stats.dropped_records, 2U);
  EXPECT_EQ(stats.damaged_records, 3U);
  EXPECT_EQ(stats.dropped_weight, 5U);
  EXPECT_EQ(stats.accounted_weight, 6U);
}

TEST(JournalCursors, AGroupIsLostToSomebodyOrToNobody) {
  const Segments segments = one_group(0);
  const Group& group = segments.groups().front();
  Cursors cursors;
  EXPECT_TRUE(cursors.lose(group, segments));  // no reader was ever there to have it
  cursors.add(named("a", 10));
  EXPECT_FALSE(cursors.lose(group, segments));
  cursors.add(named("b", 6));
  EXPECT_TRUE(cursors.lose(group, segments));
  EXPECT_EQ(cursors.find("b")->entry().dropped, 4U);
}

TEST(JournalCursors, AreDirtyFromTheFirstChangeToTheNextSnapshot) {
  Cursors cursors;
  cursors.add(named("a", 10));
  const Cursors::Time now{1h};
  EXPECT_FALSE(cursors.dirty());
  EXPECT_TRUE(cursors.touch(now));
  EXPECT_FALSE(cursors.touch(now + 1s));
  EXPECT_EQ(cursors.dirty_since(), now);
  EXPECT_EQ(cursors.snapshot().at(0).name, "a");
  EXPECT_FALSE(cursors.dirty());
  EXPECT_EQ(cursors.snapshots(), 1U);
}

}  // namespace
}  // namespace resmon::journal
