#include "uplink/spool.h"

#include <gtest/gtest.h>

namespace resmon::uplink {
namespace {

metric::Batch batch_of(std::size_t samples, UnixNanos time) {
  metric::Batch batch;
  auto row = batch.add(0, samples, time);
  for (std::size_t i = 0; i < samples; ++i) row.set(i, static_cast<std::int64_t>(i));
  return batch;
}

TEST(SpoolTest, NumbersFromOneAndForgetsWhatIsAcknowledged) {
  Spool spool(1U << 20U);
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(spool.last(), 0U);
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(spool.push(batch_of(10, static_cast<UnixNanos>(i))), i);
  EXPECT_EQ(spool.backlog_samples(), 50U);
  spool.acknowledge(3);
  EXPECT_EQ(spool.first(), 4U);
  EXPECT_EQ(spool.at(4).rows()[0].time, 4);
  EXPECT_EQ(spool.backlog_samples(), 20U);
  spool.acknowledge(2);    // late and lower: nothing
  spool.acknowledge(100);  // never given out: everything there is
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(spool.memory_bytes(), 0U);
  EXPECT_EQ(spool.push(batch_of(1, 6)), 6U);
}

TEST(SpoolTest, WhenFullTheOldestGoAndAreCounted) {
  const std::uint64_t one = batch_of(100, 0).memory_bytes();
  Spool spool(one * 3);
  for (int i = 0; i < 10; ++i) spool.push(batch_of(100, i));
  EXPECT_EQ(spool.first(), 8U);
  EXPECT_EQ(spool.last(), 10U);
  EXPECT_EQ(spool.dropped_batches(), 7U);
  EXPECT_EQ(spool.dropped_samples(), 700U);
  EXPECT_LE(spool.memory_bytes(), one * 3);
}

TEST(SpoolTest, ABatchLargerThanTheBoundIsKeptWhileItIsTheNewest) {
  Spool spool(1);
  spool.push(batch_of(10, 1));
  EXPECT_EQ(spool.first(), 1U);
  spool.push(batch_of(10, 2));
  EXPECT_EQ(spool.first(), 2U);
  EXPECT_EQ(spool.dropped_batches(), 1U);
}

TEST(SpoolTest, AcknowledgedBatchesAreUsedAgain) {
  Spool spool(1U << 20U);
  spool.push(batch_of(1000, 1));
  spool.acknowledge(1);
  const metric::Batch again = spool.take_empty();
  EXPECT_TRUE(again.empty());
  EXPECT_GE(again.memory_bytes(), 8000U);
}

TEST(SpoolTest, EverySpoolIsAnotherStream) {
  EXPECT_NE(Spool(1).stream(), Spool(1).stream());
}

}  // namespace
}  // namespace resmon::uplink
