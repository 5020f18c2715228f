#include "journal/sizes.h"

#include <gtest/gtest.h>

#include <vector>

namespace resmon::journal {
namespace {

Sizes sizes_of(std::uint64_t limit_bytes, std::uint64_t segment_bytes) {
  Options options;
  options.limit_bytes = limit_bytes;
  options.segment_bytes = segment_bytes;
  return Sizes(within_limit(options));
}

TEST(JournalSizes, AFileTakesWholeBlocksAndOneMore) {
  EXPECT_EQ(allotment(0), kDiskBlock);
  EXPECT_EQ(allotment(1), 2 * kDiskBlock);
  EXPECT_EQ(allotment(kDiskBlock), 2 * kDiskBlock);
  EXPECT_EQ(allotment(kDiskBlock + 1), 3 * kDiskBlock);
}

TEST(JournalSizes, FourSegmentsFitIntoTheLimitWithAllElse) {
  for (const std::uint64_t limit : {128U << 10U, 200U << 10U, 1U << 20U, 64U << 20U}) {
    Options options;
    options.limit_bytes = limit;
    options.segment_bytes = limit;
    options.buffer_bytes = 4ULL * limit;
    const Options within = within_limit(options);
    EXPECT_EQ(within.segment_bytes % kDiskBlock, 0U);
    EXPECT_LE(kOverheadBytes + 4 * allotment(within.segment_bytes), limit);
    EXPECT_EQ(within.buffer_bytes, limit / 2);
  }
}

TEST(JournalSizes, TheBufferTakesASegmentAtLeast) {
  Options options;
  options.buffer_bytes = 1;
  const Options within = within_limit(options);
  EXPECT_EQ(within.buffer_bytes, within.segment_bytes);
}

TEST(JournalSizes, TheLargestRecordFitsIntoANewSegmentOnly) {
  const Sizes sizes = sizes_of(1U << 20U, 8192);
  EXPECT_EQ(sizes.segment_bytes(), 8192U);
  EXPECT_TRUE(sizes.fits(kSegmentHeaderBytes, sizes.max_record()));
  EXPECT_TRUE(sizes.fits(kSegmentHeaderBytes + kMarkBytes, sizes.max_record()));  // and the mark at its end
  EXPECT_FALSE(sizes.fits(kSegmentHeaderBytes + kMarkBytes + 1, sizes.max_record()));
  const std::string largest(sizes.max_record(), 'x');
  const std::string larger = largest + "x";
  EXPECT_TRUE(sizes.encoded_bytes(std::vector<std::string_view>{largest}));
  EXPECT_FALSE(sizes.encoded_bytes(std::vector<std::string_view>{"", larger}));
  EXPECT_EQ(*sizes.encoded_bytes(std::vector<std::string_view>{"", "abc"}), 2 * kRecordHeaderBytes + 3);
}

TEST(JournalSizes, CountsEachSegmentThatABatchBeginsOnce) {
  const Sizes sizes = sizes_of(1U << 20U, 8192);
  const std::string kib(1024 - kRecordHeaderBytes, 'x');  // seven fit
  const auto begun = [&](std::size_t records, std::uint64_t used, bool mark_due = false) {
    return sizes.segments_begun(std::vector<std::string_view>(records, kib), used, mark_due);
  };
  EXPECT_EQ(begun(1, kSegmentHeaderBytes), 0U);
  EXPECT_EQ(begun(7, kSegmentHeaderBytes), 0U);
  EXPECT_EQ(begun(8, kSegmentHeaderBytes), 1U);
  EXPECT_EQ(begun(7, sizes.segment_bytes()), 1U);
  EXPECT_EQ(begun(8, sizes.segment_bytes()), 2U);
  EXPECT_EQ(begun(15, sizes.segment_bytes()), 3U);
  // The mark of the batch takes the room of the last record.
  const std::uint64_t full = sizes.segment_bytes() - kMarkBytes - 1024;
  EXPECT_EQ(begun(1, full), 0U);
  EXPECT_EQ(begun(2, full - 1024), 0U);
  EXPECT_EQ(begun(2, full - 1024, true), 1U);
}

}  // namespace
}  // namespace resmon::journal
