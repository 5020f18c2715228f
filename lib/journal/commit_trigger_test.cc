#include "journal/commit_trigger.h"

#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

using namespace std::chrono_literals;

// A trigger and what it watches. Nothing waits in these tests without being nudged, but for one whose time has come.
struct Watched {
  explicit Watched(Sync sync = Sync::kInterval) : trigger(options(sync), blocks, segments, cursors, work_ready) {}

  static Options options(Sync sync) {
    Options all;
    all.sync = sync;
    all.sync_interval = 100ms;
    all.cursor_interval = 1000ms;
    all.retry_interval = 500ms;
    return all;
  }
  void put(std::uint64_t position) {
    blocks.put({1, position - 1, 0}, {1, 0, static_cast<std::uint32_t>(position), 0}, 0, "x");
    blocks.end_at(position);
  }
  void make_durable() {
    for (const Blocks::Slice& slice : blocks.unwritten()) blocks.written(slice);
    blocks.written_is_durable();
  }
  bool wait() {
    const MutexLock lock(mutex);
    return trigger.wait(mutex);
  }
  // Without waiting: whether the thread was told.
  bool nudged() { return !trigger.appended(true); }

  Mutex mutex;
  Condition work_ready;
  Blocks blocks{4096};
  Segments segments;
  Cursors cursors;
  CommitTrigger trigger;
  const CommitTrigger::Time now = std::chrono::steady_clock::now();
};

TEST(JournalCommitTrigger, TheFirstAppendWakesTheThread) {
  Watched watched;
  watched.trigger.begin_waiting(watched.now - 1h);
  watched.put(1);
  EXPECT_TRUE(watched.trigger.appended(true));
  EXPECT_FALSE(watched.trigger.appended(true));  // it was told
  EXPECT_TRUE(watched.wait());
  EXPECT_FALSE(watched.trigger.appended(false));
  EXPECT_TRUE(watched.wait());  // the interval is over
}

TEST(JournalCommitTrigger, WhatWaitsIsSyncedAfterTheInterval) {
  Watched watched;
  watched.trigger.begin_waiting(watched.now);
  watched.put(1);
  EXPECT_FALSE(watched.trigger.begin(false, watched.now + 99ms)->sync);
  EXPECT_TRUE(watched.trigger.begin(false, watched.now + 100ms)->sync);
  EXPECT_TRUE(watched.trigger.begin(true, watched.now + 101ms)->sync);
}

TEST(JournalCommitTrigger, SoonMeansBeforeTheInterval) {
  Watched watched;
  watched.trigger.begin_waiting(watched.now);
  EXPECT_FALSE(watched.trigger.sync_soon());  // nothing waits
  watched.put(1);
  EXPECT_TRUE(watched.trigger.sync_soon());
  EXPECT_TRUE(watched.trigger.begin(false, watched.now)->sync);
  watched.wait();
  watched.trigger.refused();
  EXPECT_TRUE(watched.nudged());
  EXPECT_TRUE(watched.trigger.begin(false, watched.now)->sync);
}

TEST(JournalCommitTrigger, CursorsAreWrittenAnIntervalAfterTheirFirstChange) {
  Watched watched;
  watched.trigger.touch_cursors();
  EXPECT_TRUE(watched.nudged());
  EXPECT_TRUE(watched.cursors.dirty());
  const auto since = watched.cursors.dirty_since();
  EXPECT_FALSE(watched.trigger.begin(false, since + 999ms)->cursors);
  EXPECT_TRUE(watched.trigger.begin(false, since + 1000ms)->cursors);
  watched.wait();
  watched.trigger.touch_cursors();
  EXPECT_FALSE(watched.nudged());  // no news
}

TEST(JournalCommitTrigger, CursorsWakeNobodyWhoWakesForRecordsAnyway) {
  Watched watched;
  watched.put(1);
  watched.trigger.touch_cursors();
  EXPECT_TRUE(watched.cursors.dirty());
  EXPECT_FALSE(watched.nudged());
}

TEST(JournalCommitTrigger, CursorsThatLetFilesGoAreWrittenWithTheRecords) {
  Watched watched;
  watched.trigger.begin_waiting(watched.now - 1h);
  watched.trigger.touch_cursors();
  watched.put(1);
  EXPECT_FALSE(watched.trigger.begin(false, watched.now)->cursors);
  watched.segments.discarded().doom("file", 4096);
  watched.trigger.begin_waiting(watched.now - 1h);
  EXPECT_TRUE(watched.trigger.begin(false, watched.now)->cursors);
}

TEST(JournalCommitTrigger, AFailureIsToldAndTriedAgainLater) {
  Watched watched;
  watched.put(1);
  const Status failed = watched.trigger.end(fail(ErrorKind::kDamaged, "no disk"), watched.now);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(failed.error().message, "no disk");
  EXPECT_EQ(watched.trigger.error(), "no disk");
  EXPECT_EQ(watched.trigger.failures(), 1U);
  EXPECT_TRUE(watched.trigger.must_wait(watched.now + 499ms));
  EXPECT_FALSE(watched.trigger.begin(false, watched.now + 499ms));
  EXPECT_TRUE(watched.trigger.begin(true, watched.now + 499ms));
  ASSERT_TRUE(watched.trigger.begin(false, watched.now + 500ms));
  EXPECT_TRUE(watched.trigger.end({}, watched.now));
  EXPECT_EQ(watched.trigger.error(), "");
  EXPECT_EQ(watched.trigger.failures(), 1U);
  EXPECT_FALSE(watched.trigger.must_wait(watched.now));
}

TEST(JournalCommitTrigger, KnowsWhatTheKernelHasNot) {
  Watched watched;
  EXPECT_FALSE(watched.trigger.anything_to_write());
  watched.put(1);
  EXPECT_TRUE(watched.trigger.anything_to_write());
  watched.make_durable();
  EXPECT_FALSE(watched.trigger.anything_to_write());
  (void)watched.trigger.end(fail(ErrorKind::kUnavailable, "no disk"), watched.now);
  EXPECT_TRUE(watched.trigger.anything_to_write());
}

TEST(JournalCommitTrigger, OnceStoppedNobodyWaits) {
  Watched watched;
  EXPECT_FALSE(watched.trigger.stopping());
  watched.trigger.stop();
  EXPECT_TRUE(watched.trigger.stopping());
  EXPECT_FALSE(watched.wait());
}

}  // namespace
}  // namespace resmon::journal
