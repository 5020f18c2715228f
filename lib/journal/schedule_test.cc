#include "journal/schedule.h"

#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

using std::chrono::milliseconds;

class ScheduleTest : public testing::Test {
 protected:
  static Options options() {
    Options options;
    options.sync_interval = milliseconds(100);
    options.cursor_interval = milliseconds(1000);
    options.retry_interval = milliseconds(500);
    options.buffer_bytes = 8000;
    return options;
  }
  static Schedule::Time at(int ms) { return Schedule::Time(milliseconds(ms)); }
  static Schedule::Backlog waiting(std::uint64_t bytes, std::uint64_t unwritten) {
    Schedule::Backlog backlog;
    backlog.waiting_bytes = bytes;
    backlog.unwritten_bytes = unwritten;
    return backlog;
  }
  static Schedule::Backlog cursors(int since) {
    Schedule::Backlog backlog;
    backlog.cursors_since = at(since);
    return backlog;
  }

  Schedule schedule_{options()};
};

TEST_F(ScheduleTest, WithoutWorkThereIsNoDeadline) {
  EXPECT_EQ(schedule_.deadline({}), Schedule::Time::max());
  const Schedule::Due due = schedule_.begin({}, false, at(5000));
  EXPECT_FALSE(due.write || due.sync || due.cursors);
}

TEST_F(ScheduleTest, BytesAreSyncedWhenTheIntervalIsOver) {
  schedule_.begin_waiting(at(1000));
  EXPECT_EQ(schedule_.deadline(waiting(10, 10)), at(1100));
  EXPECT_FALSE(schedule_.begin(waiting(10, 10), false, at(1099)).write);
  const Schedule::Due due = schedule_.begin(waiting(10, 10), false, at(1100));
  EXPECT_TRUE(due.write && due.sync);
  // The next interval begins with the sync.
  EXPECT_EQ(schedule_.deadline(waiting(10, 10)), at(1200));
}

TEST_F(ScheduleTest, ABufferThatFillsIsWrittenEarlyAndSyncedWhenHalfFull) {
  schedule_.begin_waiting(at(0));
  EXPECT_FALSE(schedule_.begin(waiting(999, 999), false, at(1)).write);
  Schedule::Due due = schedule_.begin(waiting(1000, 1000), false, at(1));
  EXPECT_TRUE(due.write);
  EXPECT_FALSE(due.sync);
  EXPECT_FALSE(schedule_.begin(waiting(3999, 0), false, at(1)).sync);
  due = schedule_.begin(waiting(4000, 0), false, at(1));
  EXPECT_TRUE(due.write && due.sync);
}

TEST_F(ScheduleTest, AWishForASyncIsMetOnce) {
  schedule_.begin_waiting(at(0));
  EXPECT_TRUE(schedule_.nudge_for_sync());
  EXPECT_TRUE(schedule_.begin(waiting(1, 1), false, at(1)).sync);
  EXPECT_FALSE(schedule_.begin(waiting(1, 1), false, at(2)).sync);
}

TEST_F(ScheduleTest, CursorsAreStoredAfterTheirIntervalOrWithWhatRemovesFiles) {
  EXPECT_EQ(schedule_.deadline(cursors(200)), at(1200));
  EXPECT_FALSE(schedule_.begin(cursors(200), false, at(1199)).cursors);
  EXPECT_TRUE(schedule_.begin(cursors(200), false, at(1200)).cursors);
  Schedule::Backlog both = cursors(200);
  both.doomed_files = true;
  EXPECT_FALSE(schedule_.begin(both, false, at(300)).cursors) << "nothing is written that needs the room";
  both.waiting_bytes = both.unwritten_bytes = 1000;
  schedule_.begin_waiting(at(300));
  EXPECT_TRUE(schedule_.begin(both, false, at(300)).cursors);
  // The earlier deadline counts.
  EXPECT_EQ(schedule_.deadline(both), at(400));
}

TEST_F(ScheduleTest, ForcedIsAllOfIt) {
  Schedule::Due due = schedule_.begin(cursors(0), true, at(1));
  EXPECT_TRUE(due.write && due.sync && due.cursors);
  due = schedule_.begin({}, true, at(1));
  EXPECT_TRUE(due.write && due.sync);
  EXPECT_FALSE(due.cursors) << "none has changed";
}

TEST_F(ScheduleTest, AFailureIsTriedAgainAfterAWhileAndThenAllAtOnce) {
  schedule_.begin_waiting(at(1000));
  schedule_.failed(at(1000));
  EXPECT_TRUE(schedule_.failing());
  EXPECT_TRUE(schedule_.must_wait(at(1499)));
  EXPECT_FALSE(schedule_.must_wait(at(1500)));
  EXPECT_EQ(schedule_.deadline(waiting(1, 1)), at(1500));
  EXPECT_FALSE(schedule_.nudge_for_sync() || schedule_.nudge_after_append(true, 8000)) << "it would be for nothing";
  Schedule::Backlog both = cursors(1000);
  both.waiting_bytes = both.unwritten_bytes = 1;
  const Schedule::Due due = schedule_.begin(both, false, at(1001));
  EXPECT_TRUE(due.write && due.sync && due.cursors);
  schedule_.succeeded();
  EXPECT_FALSE(schedule_.failing() || schedule_.must_wait(at(1001)));
}

TEST_F(ScheduleTest, TheThreadIsWokenOnceUntilItIsUp) {
  EXPECT_FALSE(schedule_.nudge_after_append(false, 999)) << "it wakes by itself";
  EXPECT_TRUE(schedule_.nudge_after_append(true, 1));
  EXPECT_FALSE(schedule_.nudge() || schedule_.nudge_for_sync() || schedule_.nudge_after_append(true, 8000));
  schedule_.take_nudge();
  EXPECT_TRUE(schedule_.nudge_after_append(false, 1000)) << "an eighth of the buffer is written without delay";
}

TEST_F(ScheduleTest, WithoutAnIntervalEachAppendIsSynced) {
  Options immediate = options();
  immediate.sync = Sync::kImmediate;
  Schedule schedule(immediate);
  schedule.begin_waiting(at(0));
  EXPECT_TRUE(schedule.nudge_after_append(false, 1));
  EXPECT_TRUE(schedule.begin(waiting(1, 1), false, at(0)).sync);
}

}  // namespace
}  // namespace resmon::journal
