#include "journal/disk_space.h"

#include <gtest/gtest.h>

#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

constexpr std::uint64_t kOneFile = 32768;  // on the account

// A journal with three files of ten records each, and a limit of four.
struct Files {
  Files() : state(options(files)), cursors(state), space(state, cursors) {
    Recovery::Found found;
    for (std::uint64_t first = 1; first < 30; first += 10) {
      EXPECT_TRUE(files.create("j/" + segment_name(first)));
      found.segments.adopt(first, first + 9, first, kOneFile);
    }
    found.existing_position = 30;
    state.take_over(std::move(found));
  }
  static Options options(SimulatedFiles& files) {
    Options all;
    all.directory = "j";
    all.files = &files;
    all.limit_bytes = kOverheadBytes + 4 * kOneFile;
    return all;
  }
  bool has(std::uint64_t first) const { return files.names.contains("j/" + segment_name(first)); }
  // Drops as many segments.
  void drop(int count) {
    const MutexLock lock(state.mutex);
    const std::uint64_t now = state.segments.planned_bytes();
    state.retention.keep_within(now - static_cast<std::uint64_t>(count) * kOneFile, 30);
  }
  bool any_doomed() {
    const MutexLock lock(state.mutex);
    return state.segments.discarded().any_doomed();
  }

  SimulatedFiles files{1};
  State state;
  CursorStore cursors;
  DiskSpace space;
};

TEST(JournalDiskSpace, RemovesOnceTheCursorsAreOnTheDevice) {
  Files on;
  ASSERT_TRUE(on.cursors.write());
  on.drop(1);
  on.space.remove_doomed();
  EXPECT_TRUE(on.has(1));
  ASSERT_TRUE(on.cursors.write());
  on.space.remove_doomed();
  EXPECT_FALSE(on.has(1));
  EXPECT_TRUE(on.has(11));
  EXPECT_FALSE(on.any_doomed());
}

TEST(JournalDiskSpace, WithoutCursorsOnTheDeviceNothingIsWaitedFor) {
  Files on;
  on.drop(2);
  on.space.remove_doomed();
  EXPECT_FALSE(on.has(1));
  EXPECT_FALSE(on.has(11));
  EXPECT_TRUE(on.has(21));
}

TEST(JournalDiskSpace, WhatCannotBeRemovedStaysOnTheAccount) {
  Files on;
  on.drop(1);
  on.files.fail_ratio = 1;
  on.space.remove_doomed();
  EXPECT_TRUE(on.any_doomed());
  on.files.fail_ratio = 0;
  on.space.remove_doomed();
  EXPECT_FALSE(on.any_doomed());
  on.drop(1);
  on.files.names.erase("j/" + segment_name(11));  // somebody else removed it
  on.space.remove_doomed();
  EXPECT_FALSE(on.any_doomed());
}

TEST(JournalDiskSpace, RoomIsMadeByTheOldest) {
  Files on;
  EXPECT_TRUE(on.space.make_room(31, kOneFile));
  EXPECT_TRUE(on.has(1));
  EXPECT_TRUE(on.space.make_room(31, kOneFile + 1));
  EXPECT_FALSE(on.has(1));
  EXPECT_TRUE(on.has(11));
}

TEST(JournalDiskSpace, NoRoomIsMadeOfWhatAReaderMustHave) {
  Files on;
  ASSERT_TRUE(on.state.attach({.name = "must"}));
  const Status full = on.space.make_room(31, kOneFile + 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(full.error().message, "the journal is full: a reader that must not lose is behind");
  EXPECT_TRUE(on.has(1));
}

// Room that append planned for a segment is not planned for twice.
TEST(JournalDiskSpace, WhatIsReservedForTheGroupIsNotMadeAgain) {
  Files on;
  ASSERT_TRUE(on.state.attach({.name = "must"}));
  {
    const MutexLock lock(on.state.mutex);
    on.state.segments.begin_group(31, kOneFile);
    on.state.segments.discarded().doom("gone", 4096);
  }
  EXPECT_TRUE(on.space.make_room(31, kOneFile));
  EXPECT_FALSE(on.any_doomed());
}

TEST(JournalDiskSpace, AFileThatMustStayYetMakesNoRoom) {
  Files on;
  {
    const MutexLock lock(on.state.mutex);
    on.state.segments.drop_front(1000);  // snapshots of the cursors that are not there yet
  }
  const Status full = on.space.make_room(31, 2 * kOneFile);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message, "the journal is full: old segments cannot be removed");
  EXPECT_TRUE(on.has(1));
}

}  // namespace
}  // namespace resmon::journal
