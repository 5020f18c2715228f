#include "journal/blocks.h"

#include <gtest/gtest.h>

#include <string>

namespace resmon::journal {
namespace {

constexpr std::size_t kWhole = kRecordHeaderBytes + 100;

// Blocks of three records of 100 bytes.
class JournalBlocks : public ::testing::Test {
 protected:
  void put(std::uint64_t group = 1) {
    blocks_.put({group, last_, last_ * 10}, {100, 0, static_cast<std::uint32_t>(last_ + 1), 0}, 7, payload_);
    blocks_.end_at(++last_);
    blocks_.set_weight(last_ * 10);
  }
  void write_all() {
    for (const Blocks::Slice& slice : blocks_.unwritten()) blocks_.written(slice);
  }

  const std::string payload_ = std::string(100, 'x');
  Blocks blocks_{3 * kWhole};
  std::uint64_t last_ = 0;
};

TEST_F(JournalBlocks, FillsABlockBeforeTheNext) {
  for (int i = 0; i < 4; ++i) put();
  const auto slices = blocks_.unwritten();
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].end, 3 * kWhole);
  EXPECT_EQ(slices[0].last, 3U);
  EXPECT_EQ(slices[0].weight, 30U);
  EXPECT_EQ(slices[1].end, kWhole);
  EXPECT_EQ(slices[1].block->first, 4U);
  EXPECT_EQ(blocks_.waiting_bytes(), 4 * kWhole);
  EXPECT_EQ(blocks_.unwritten_bytes(), 4 * kWhole);
  EXPECT_EQ(blocks_.bytes(), 4 * kWhole);
}

TEST_F(JournalBlocks, AnotherGroupOrALargeRecordTakesABlockOfItsOwn) {
  put(1);
  put(2);
  const std::string large(1000, 'x');
  EXPECT_EQ(blocks_.put({2, last_, 0}, {1000, 0, 3, 0}, 7, large), kRecordHeaderBytes + 1000);
  blocks_.end_at(3);
  EXPECT_EQ(blocks_.unwritten().size(), 3U);
  EXPECT_EQ(blocks_.not_durable_of(1), kWhole);
  EXPECT_EQ(blocks_.not_durable_of(2), kWhole + kRecordHeaderBytes + 1000);
}

TEST_F(JournalBlocks, WhatWasWrittenIsWrittenAgainUnlessItIsDurable) {
  put();
  write_all();
  EXPECT_EQ(blocks_.unwritten_bytes(), 0U);
  EXPECT_EQ(blocks_.waiting_bytes(), kWhole);
  blocks_.written_is_durable();
  EXPECT_EQ(blocks_.waiting_bytes(), 0U);
  put();
  write_all();
  put();
  blocks_.back_to_durable();
  EXPECT_EQ(blocks_.unwritten_bytes(), 2 * kWhole);
  EXPECT_EQ(blocks_.waiting_bytes(), 2 * kWhole);
  const auto slices = blocks_.unwritten();
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0].block->written, kWhole);
  EXPECT_EQ(slices[0].block->written_last, 1U);
  EXPECT_EQ(blocks_.not_durable_of(1), 2 * kWhole);
}

TEST_F(JournalBlocks, EvictsTheOldestThatAreDurableDownToTheCache) {
  for (int i = 0; i < 9; ++i) put();
  blocks_.evict(0);
  EXPECT_EQ(blocks_.bytes(), 9 * kWhole);  // nothing is durable
  write_all();
  blocks_.written_is_durable();
  put();
  blocks_.evict(6 * kWhole);
  EXPECT_EQ(blocks_.bytes(), 7 * kWhole);
  EXPECT_EQ(blocks_.at_or_after(1)->first, 4U);
  blocks_.evict(0);
  EXPECT_EQ(blocks_.bytes(), kWhole);
  EXPECT_EQ(blocks_.at_or_after(1)->first, 10U);
}

TEST_F(JournalBlocks, ABlockThatSomebodyReadsIsNotUsedAgain) {
  for (int i = 0; i < 3; ++i) put();
  write_all();
  blocks_.written_is_durable();
  const auto read = blocks_.at_or_after(1);
  blocks_.evict(0);
  put();
  EXPECT_EQ(read->first, 1U);
  EXPECT_EQ(read->last, 3U);
  EXPECT_NE(blocks_.at_or_after(1), read);
}

TEST_F(JournalBlocks, FindsTheBlockWithAPositionOrTheNext) {
  for (int i = 0; i < 4; ++i) put();
  EXPECT_EQ(blocks_.at_or_after(1)->first, 1U);
  EXPECT_EQ(blocks_.at_or_after(3)->first, 1U);
  EXPECT_EQ(blocks_.at_or_after(4)->first, 4U);
  EXPECT_EQ(blocks_.at_or_after(5), nullptr);
}

TEST_F(JournalBlocks, ADroppedGroupTakesItsBlocksWithIt) {
  for (int i = 0; i < 2; ++i) put(1);
  for (int i = 0; i < 2; ++i) put(3);
  blocks_.drop(1, 2);
  EXPECT_EQ(blocks_.bytes(), 2 * kWhole);
  EXPECT_EQ(blocks_.at_or_after(1)->group, 3U);
  blocks_.drop(3, 3);  // its last block has more
  EXPECT_EQ(blocks_.bytes(), 2 * kWhole);
}

}  // namespace
}  // namespace resmon::journal
