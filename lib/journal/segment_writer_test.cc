#include "journal/segment_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "journal/segment_files.h"
#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A journal whose files are written by hand. Segments have 28 KiB.
struct Written {
  explicit Written(Sync sync = Sync::kInterval)
      : state(options(files, sync)), cursors(state), space(state, cursors), writer(state, cursors, space) {
    files.short_ratio = 0;
    state.take_over({});
    EXPECT_TRUE(cursors.write());  // the tally needs their file
  }
  static Options options(SimulatedFiles& files, Sync sync) {
    Options all;
    all.directory = "j";
    all.files = &files;
    all.sync = sync;
    all.limit_bytes = 256U << 10U;
    all.segment_bytes = 28U << 10U;
    return all;
  }
  void append(std::string_view record, std::uint64_t weight = 0) {
    EXPECT_TRUE(state.append(std::span(&record, 1), 0, weight));
  }
  // As recovery would read them.
  std::vector<std::string> records() {
    std::vector<std::string> all;
    EXPECT_TRUE(SegmentFiles::open("j", files).read([&](std::uint64_t, std::string_view payload) {
      all.emplace_back(payload);
      return Status();
    }));
    return all;
  }
  std::vector<std::string> segment_files() const {
    std::vector<std::string> all;
    for (const auto& [path, inode] : files.names)
      if (path.ends_with(".seg")) all.push_back(path.substr(2));
    return all;
  }
  std::uint64_t size_of(std::uint64_t first) { return files.names["j/" + segment_name(first)]->data.size(); }
  std::uint64_t waiting_bytes() { return state.stats().waiting_bytes; }
  Tally tally() { return CursorFile(files, "j", true).read().tally; }

  SimulatedFiles files{1};
  State state;
  CursorStore cursors;
  DiskSpace space;
  SegmentWriter writer;
};

TEST(JournalSegmentWriter, WritesAndThenMakesDurable) {
  Written on;
  on.append("a", 5);
  on.append("b", 6);
  ASSERT_TRUE(on.writer.write());
  EXPECT_THAT(on.records(), ElementsAre("a", "b"));
  EXPECT_EQ(on.state.durable_position(), 0U);
  on.writer.write_tally();
  EXPECT_EQ(on.tally().durable, 0U);
  EXPECT_EQ(on.tally().position, 2U);
  ASSERT_TRUE(on.writer.sync());
  EXPECT_EQ(on.state.durable_position(), 2U);
  EXPECT_EQ(on.tally().durable, 2U);
  EXPECT_EQ(on.tally().weight, 11U);
  EXPECT_EQ(on.state.stats().syncs, 1U);
  EXPECT_EQ(on.waiting_bytes(), 0U);
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());  // nothing to do
  EXPECT_EQ(on.state.stats().syncs, 1U);
  on.files.recover();  // of a crash
  EXPECT_THAT(on.records(), ElementsAre("a", "b"));
}

TEST(JournalSegmentWriter, WithoutSyncWhatTheKernelHasIsDurable) {
  Written on(Sync::kOff);
  on.append("a");
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  EXPECT_EQ(on.state.durable_position(), 1U);
  EXPECT_EQ(on.state.stats().syncs, 0U);
  EXPECT_FALSE(on.writer.put_last_mark());
}

TEST(JournalSegmentWriter, AFullSegmentIsSyncedAndCutBeforeTheNextBegins) {
  Written on;
  const std::string large(20000, 'x');
  on.append(large);
  on.append(large);
  ASSERT_TRUE(on.writer.write());
  EXPECT_EQ(on.state.durable_position(), 1U);
  EXPECT_THAT(on.segment_files(), ElementsAre(segment_name(1), segment_name(2)));
  EXPECT_EQ(on.size_of(1), kSegmentHeaderBytes + kRecordHeaderBytes + large.size());
  EXPECT_EQ(on.size_of(2), 28U << 10U);  // reserved
  on.writer.close();
  EXPECT_EQ(on.size_of(2), 0U);  // none of it is durable
}

TEST(JournalSegmentWriter, AfterAFailedSyncItIsWrittenToAnotherFileOfTheSegment) {
  Written on;
  on.append("a");
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  on.append("b");
  ASSERT_TRUE(on.writer.write());
  on.files.fail_syncs = 1;
  EXPECT_FALSE(on.writer.sync());
  on.writer.give_up();
  EXPECT_THAT(on.records(), ElementsAre("a"));
  EXPECT_EQ(on.state.durable_position(), 1U);
  EXPECT_GT(on.waiting_bytes(), 0U);
  on.append("c");
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  EXPECT_THAT(on.segment_files(), ElementsAre(segment_name(1), segment_name(2)));
  EXPECT_THAT(on.records(), ElementsAre("a", "b", "c"));
  const auto header =
      decode_segment_header(on.files.names["j/" + segment_name(2)]->data.substr(0, kSegmentHeaderBytes));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->group, 1U);
  EXPECT_EQ(header->previous, 1U);
  on.files.recover();
  EXPECT_THAT(on.records(), ElementsAre("a", "b", "c"));
}

TEST(JournalSegmentWriter, AFileWithoutADurableRecordIsRemovedWhenItIsGivenUp) {
  Written on;
  on.append("a");
  ASSERT_TRUE(on.writer.write());
  on.files.fail_syncs = 1;
  EXPECT_FALSE(on.writer.sync());
  on.writer.give_up();
  EXPECT_THAT(on.segment_files(), IsEmpty());
  EXPECT_EQ(on.state.stats().disk_bytes, kOverheadBytes);
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  EXPECT_THAT(on.records(), ElementsAre("a"));
}

// The account of a segment is the same after a failure as before: no more is planned for than there is.
TEST(JournalSegmentWriter, AGivenUpFileLeavesItsSegmentTheRoomThatItHadPlanned) {
  Written on;
  on.append("a");
  const auto planned = [&] {
    const MutexLock lock(on.state.mutex);
    return on.state.segments.planned_bytes();
  };
  const std::uint64_t before = planned();
  ASSERT_TRUE(on.writer.write());
  EXPECT_EQ(planned(), before);
  on.writer.give_up();
  EXPECT_EQ(planned(), before);
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  EXPECT_EQ(planned(), before);
  on.writer.give_up();  // of a file with a durable record
  EXPECT_LE(planned(), before + 2 * kDiskBlock);
  EXPECT_GE(planned(), before);
}

TEST(JournalSegmentWriter, TheLastMarkNeedsAFileOfTheNewestSegment) {
  Written on;
  EXPECT_FALSE(on.writer.put_last_mark());
  on.append("a");
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  EXPECT_TRUE(on.writer.put_last_mark());
  ASSERT_TRUE(on.writer.write());
  ASSERT_TRUE(on.writer.sync());
  on.writer.close();
  EXPECT_EQ(on.size_of(1), kSegmentHeaderBytes + kRecordHeaderBytes + 1 + kMarkBytes);
  EXPECT_FALSE(on.writer.put_last_mark());
}

TEST(JournalSegmentWriter, WeighsOnFromWhatItIsTold) {
  Written on;
  on.writer.begin_after({0, 100});
  on.writer.set_total_weight(40);
  on.writer.write_tally();
  EXPECT_EQ(on.tally().position, 0U);
  EXPECT_EQ(on.tally().weight, 40U);
}

}  // namespace
}  // namespace resmon::journal
