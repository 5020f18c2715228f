#include "journal/appender.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace resmon::journal {
namespace {

constexpr std::uint32_t kSeed = 7;

// A journal's memory with segments of 4 KiB, of which `limit_segments` fit.
struct Memory {
  explicit Memory(std::uint64_t limit_segments = 8, std::uint64_t buffer_bytes = 1U << 20U)
      : options(with(buffer_bytes)),
        retention(kOverheadBytes + limit_segments * allotment(options.segment_bytes), segments, cursors, blocks,
                  trigger) {
    appender.begin(kSeed, 1, 0);
  }
  static Options with(std::uint64_t buffer_bytes) {
    Options options;
    options.segment_bytes = 4096;
    options.buffer_bytes = buffer_bytes;
    return options;
  }

  Result<Appended> append(const std::vector<std::string>& records, std::uint64_t at = 0, std::uint64_t weight = 0) {
    const std::vector<std::string_view> views(records.begin(), records.end());
    return appender.append(Batch(views, *sizes.encoded_bytes(views), at, weight), durable);
  }
  Result<Appended> append(std::size_t bytes) { return append(std::vector{std::string(bytes, 'x')}); }
  void make_durable() {
    for (const Blocks::Slice& slice : blocks.unwritten()) blocks.written(slice);
    blocks.written_is_durable();
    durable = appender.last_position();
  }
  // Headers in the block with the position.
  std::vector<RecordHeader> headers(std::uint64_t position) const {
    std::vector<RecordHeader> all;
    const auto block = blocks.at_or_after(position);
    for (std::size_t offset = 0; block != nullptr && offset < block->size;) {
      const auto header = decode_record_header(block->bytes.get() + offset, kSeed);
      if (!header) break;
      all.push_back(*header);
      offset += kRecordHeaderBytes + header->length;
    }
    return all;
  }
  Stats stats() const {
    Stats all;
    appender.count_into(all);
    return all;
  }

  const Options options;
  const Sizes sizes{options};
  Condition work_ready;
  Blocks blocks{4096};
  Segments segments;
  Cursors cursors;
  CommitTrigger trigger{options, blocks, segments, cursors, work_ready};
  Retention retention;
  Appender appender{options, sizes, segments, blocks, retention, trigger};
  std::uint64_t durable = 0;
};

TEST(JournalBatch, HasTheChecksumsOfFewAndOfMany) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{64}, std::size_t{65}}) {
    std::vector<std::string> records;
    for (std::size_t i = 0; i < count; ++i) records.push_back(std::to_string(i));
    const std::vector<std::string_view> views(records.begin(), records.end());
    const Batch batch(views, 0, 0, 0);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(batch.checksum(i), crc32c(records[i]));
  }
}

TEST(JournalAppender, NumbersRecordsAndBeginsTheFirstSegment) {
  Memory memory;
  EXPECT_TRUE(memory.appender.begins_segment(0));
  const auto first = memory.append({"ab", "c"}, 0, 5);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first, 1U);
  EXPECT_EQ(first->last, 2U);
  EXPECT_TRUE(first->began_segment);
  const auto second = memory.append({"def"}, 0, 2);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->first, 3U);
  EXPECT_FALSE(second->began_segment);
  const auto headers = memory.headers(1);
  ASSERT_EQ(headers.size(), 3U);
  EXPECT_EQ(headers[0].flags, kStartsSegment);
  EXPECT_EQ(headers[1].flags, 0U);
  EXPECT_EQ(headers[2].position_low, 3U);
  EXPECT_EQ(headers[2].payload_crc, crc32c("def"));
  EXPECT_EQ(memory.segments.groups().back().weight, 7U);
  EXPECT_EQ(memory.blocks.unwritten().back().weight, 7U);
  EXPECT_EQ(memory.stats().appended_records, 3U);
  EXPECT_EQ(memory.stats().appended_bytes, 6U);
  EXPECT_EQ(memory.stats().last_position, 3U);
}

TEST(JournalAppender, AnEmptyBatchIsNoRecord) {
  Memory memory;
  const auto nothing = memory.append(std::vector<std::string>());
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->first, 1U);
  EXPECT_EQ(nothing->last, 0U);
  EXPECT_TRUE(memory.segments.groups().empty());
}

TEST(JournalAppender, AFullSegmentIsFollowedByAnother) {
  Memory memory;
  ASSERT_TRUE(memory.append(3000));
  EXPECT_FALSE(memory.appender.begins_segment(900));
  EXPECT_TRUE(memory.appender.begins_segment(1100));
  EXPECT_FALSE(memory.append({"small", std::string(1100, 'x')})->began_segment);  // its second record does
  ASSERT_EQ(memory.segments.groups().size(), 2U);
  EXPECT_EQ(memory.segments.groups()[0].last, 2U);
  EXPECT_EQ(memory.segments.groups()[1].first, 3U);
  EXPECT_EQ(memory.segments.reserved_for(3), allotment(4096));
  EXPECT_TRUE(memory.append(3500)->began_segment);
}

TEST(JournalAppender, LeavesPositionsOutInASegmentOfItsOwn) {
  Memory memory;
  ASSERT_TRUE(memory.append({"a"}));
  const auto skipped = memory.append({"b"}, 10, 0);
  ASSERT_TRUE(skipped);
  EXPECT_EQ(skipped->first, 10U);
  EXPECT_EQ(skipped->last, 10U);
  EXPECT_TRUE(skipped->began_segment);
  EXPECT_FALSE(memory.append({"c"}, 11, 0)->began_segment);
  EXPECT_EQ(memory.append({"d"}, 11, 0).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(memory.stats().refused_records, 0U);
  EXPECT_EQ(memory.append({"d"})->first, 12U);
}

TEST(JournalAppender, DoesNotGoOnWithASegmentOfAnEarlierProcess) {
  Memory memory;
  memory.segments.adopt(1, 4, 1, 8192);
  memory.appender.begin(kSeed, 5, 100);
  EXPECT_TRUE(memory.appender.begins_segment(0));
  EXPECT_TRUE(memory.append({"a"}, 0, 11)->began_segment);
  EXPECT_EQ(memory.blocks.unwritten().back().weight, 111U);
  EXPECT_FALSE(memory.appender.begins_segment(0));
  memory.appender.set_total_weight(50);
  ASSERT_TRUE(memory.append({"b"}, 0, 1));
  EXPECT_EQ(memory.blocks.unwritten().back().weight, 51U);
}

TEST(JournalAppender, MarksWhatIsDurableOnceBeforeTheNextRecord) {
  Memory memory;
  ASSERT_TRUE(memory.append({"a"}));
  memory.make_durable();
  ASSERT_TRUE(memory.append({"b", "c"}));
  ASSERT_TRUE(memory.append({"d"}));
  const auto headers = memory.headers(1);
  ASSERT_EQ(headers.size(), 5U);
  EXPECT_EQ(headers[1].flags, kMark);
  EXPECT_EQ(headers[1].position_low, 2U);
  EXPECT_EQ(headers[2].position_low, 2U);
  EXPECT_EQ(headers[4].position_low, 4U);
}

TEST(JournalAppender, TheLastMarkGoesIntoTheNewestSegmentOnly) {
  Memory memory;
  EXPECT_FALSE(memory.appender.put_mark_in(1, 0));
  ASSERT_TRUE(memory.append({"a"}));
  EXPECT_FALSE(memory.appender.put_mark_in(2, 1));
  EXPECT_TRUE(memory.appender.put_mark_in(1, 1));
  EXPECT_EQ(memory.headers(1).back().flags, kMark);
  EXPECT_EQ(memory.appender.last_position(), 1U);
}

TEST(JournalAppender, RefusesWhatTheBufferHasNoRoomFor) {
  Memory memory(8, 4096);
  ASSERT_TRUE(memory.append(3000));
  const auto refused = memory.append(1081);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(refused.error().message, "too much waits to be written");
  EXPECT_EQ(memory.stats().refused_records, 1U);
  EXPECT_EQ(memory.appender.last_position(), 1U);
  EXPECT_TRUE(memory.trigger.begin(false, std::chrono::steady_clock::time_point())->sync);  // to make room
  ASSERT_TRUE(memory.append(1064));
  (void)memory.trigger.end(fail(ErrorKind::kUnavailable, "no disk"), {});
  EXPECT_EQ(memory.append(1).error().message, "no disk");
  memory.make_durable();
  EXPECT_TRUE(memory.append(1));
}

TEST(JournalAppender, ABatchLargerThanTheBufferIsRefusedEvenByAnEmptyOne) {
  Memory memory(8, 4096);
  EXPECT_FALSE(memory.append({std::string(2050, 'x'), std::string(2050, 'x')}));
}

TEST(JournalAppender, RefusesWhatTheDiskHasNoRoomForUnlessTheOldestMayGo) {
  Memory memory(2);
  CursorEntry must;
  must.name = "must";
  memory.cursors.add(must);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(memory.append(3500));
    const std::uint64_t position = memory.appender.last_position();
    memory.segments.begin_file(position, position, allotment(4096));
    memory.segments.durable_through(position, position);
    memory.make_durable();
  }
  const auto refused = memory.append({std::string(3500, 'x')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the journal is full: a reader that must not lose is behind");
  EXPECT_TRUE(memory.append(100));  // the newest segment has room for it
  memory.cursors.find("must")->commit(1);
  EXPECT_TRUE(memory.append(3500));
  EXPECT_EQ(memory.segments.groups().front().first, 2U);
  EXPECT_EQ(memory.retention.dropped_records(), 0U);
}

}  // namespace
}  // namespace resmon::journal
