// Faults that random operations meet too rarely, each made to happen.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "journal/journal.h"
#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

Options options_on(SimulatedFiles& files) {
  Options options;
  options.directory = "j";
  options.files = &files;
  options.own_thread = false;
  options.limit_bytes = 256U << 10U;
  return options;
}

// The process is gone without a word; what it wrote is in the kernel's memory.
void kill(SimulatedFiles& files, std::unique_ptr<Journal>& journal) {
  files.crashed = true;
  journal.reset();
  files.crashed = false;
}

// The kernel's memory has cursors that a failed sync did not bring to the device. The next process reads them there; if
// it trusted them and wrote the other slot, a crash in that moment would leave neither.
TEST(JournalFaults, CursorsOutliveAFailedSyncAndADeadProcess) {
  for (std::int64_t crash_in = 0; crash_in < 40; ++crash_in) {
    for (unsigned seed = 0; seed < 60; ++seed) {
      SimulatedFiles files(seed);
      files.short_ratio = 0;
      auto journal = *Journal::open(options_on(files));
      Reader* reader = *journal->reader({.name = "r"});
      for (int i = 0; i < 9; ++i) ASSERT_TRUE(journal->append("x"));
      ASSERT_TRUE(journal->commit());
      ASSERT_EQ(reader->read()->size(), 9U);
      reader->commit(3);
      ASSERT_TRUE(journal->commit());
      reader->commit(5);
      files.fail_syncs = 1;
      ASSERT_FALSE(journal->commit());
      kill(files, journal);
      files.crash_in = crash_in;
      if (auto second = Journal::open(options_on(files))) second->reset();
      files.crashed = true;
      files.recover();
      auto third = Journal::open(options_on(files));
      ASSERT_TRUE(third);
      EXPECT_THAT((*third)->findings(), ::testing::IsEmpty()) << crash_in << " " << seed;
      EXPECT_GE((*(*third)->reader({.name = "r"}))->committed(), 3U) << crash_in << " " << seed;
    }
  }
}

// The disk has room for the records, and for no whole segment.
TEST(JournalFaults, ASmallDiskIsEnoughForWhatFitsOnIt) {
  SimulatedFiles files(3);
  files.capacity = 3U << 20U;
  Options options = options_on(files);
  options.limit_bytes = 64U << 20U;
  options.segment_bytes = 8U << 20U;
  auto journal = *Journal::open(options);
  Reader* const reader = *journal->reader({.name = "r"});
  const std::string record(10'000, 'x');
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(journal->append(record));
    ASSERT_TRUE(journal->commit()) << i;
    EXPECT_LT(files.usage(), 2U << 20U) << "the others on the disk have room, too";
  }
  std::size_t read = 0;
  for (auto batch = reader->read(); batch && !batch->empty(); batch = reader->read()) read += batch->size();
  EXPECT_EQ(read, 100U);
  // Full is full: nothing that is not durable passes for durable.
  int more = 0;
  while (more < 1000 && journal->append(record) && journal->commit()) ++more;
  EXPECT_GT(more, 50);
  EXPECT_LT(more, 250);
  files.capacity = ~std::uint64_t{0};
  EXPECT_TRUE(journal->commit());
}

TEST(JournalFaults, FailedSyncIsNotRepeatedOnTheSameFile) {
  SimulatedFiles files(1);
  auto journal = *Journal::open(options_on(files));
  Reader* const reader = *journal->reader({.name = "r"});
  ASSERT_TRUE(journal->append("durable"));
  ASSERT_TRUE(journal->commit());
  ASSERT_TRUE(journal->append("at risk"));
  files.fail_syncs = 1;
  EXPECT_EQ(journal->commit().error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(journal->durable_position(), 1U);
  EXPECT_NE(journal->stats().error, "");
  EXPECT_TRUE(journal->commit());
  EXPECT_EQ(journal->durable_position(), 2U);
  EXPECT_EQ(journal->stats().error, "");
  EXPECT_EQ(journal->stats().segments, 2U);
  files.crashed = true;
  journal.reset();
  files.recover();
  journal = *Journal::open(options_on(files));
  Reader* const again = *journal->reader({.name = "r"});
  const auto got = again->read();
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 1U);
  EXPECT_EQ((*got)[0].payload, "durable");
  const auto rest = again->read();
  ASSERT_EQ(rest->size(), 1U);
  EXPECT_EQ((*rest)[0].payload, "at risk");
  EXPECT_FALSE((*rest)[0].starts_segment);  // another file, the same segment to its producer
  (void)reader;
}

// kill -9 at any moment: what was handed over is there, although nothing was ever synced.
TEST(JournalFaults, WhatWasHandedOverOutlivesTheProcess) {
  SimulatedFiles files(1);
  auto journal = *Journal::open(options_on(files));
  ASSERT_TRUE(journal->reader({.name = "r"}));
  std::size_t handed_over = 0;
  for (std::size_t i = 1; i <= 2000; ++i) {
    ASSERT_TRUE(journal->append_at(i, std::string(50, 'x'), 1));
    if (i % 7 == 0) continue;
    ASSERT_TRUE(journal->hand_over(std::chrono::milliseconds(0)));
    handed_over = i;
  }
  kill(files, journal);
  journal = *Journal::open(options_on(files));
  EXPECT_THAT(journal->findings(), ::testing::IsEmpty());
  Reader* const again = *journal->reader({.name = "r"});
  std::size_t found = 0;
  while (true) {
    const auto got = again->read();
    ASSERT_TRUE(got);
    if (got->empty()) break;
    for (const Record& record : *got) EXPECT_EQ(record.position, ++found);
  }
  EXPECT_GE(found, handed_over);
}

// A position that somebody may have been shown is not given out again, and few are skipped for that.
TEST(JournalFaults, ARestartSkipsWhatMayHaveBeenShown) {
  SimulatedFiles files(1);
  Options options = options_on(files);
  options.never_reuse_positions = true;
  options.reserve_positions = 100;
  auto journal = *Journal::open(options);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(journal->append("x"));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(journal->append("x"));
  EXPECT_EQ(journal->reserved_position(), 100U);  // until the cursors say so
  ASSERT_TRUE(journal->commit());
  EXPECT_EQ(journal->reserved_position(), 230U);
  kill(files, journal);
  journal = *Journal::open(options);
  EXPECT_EQ(journal->append("x")->first, 231U);
  ASSERT_TRUE(journal->close());
  journal = *Journal::open(options);
  EXPECT_EQ(journal->append("x")->first, 232U) << "an orderly end skips none";
  EXPECT_FALSE(journal->cursors_lost());
  ASSERT_TRUE(journal->close());
  journal.reset();
  files.names["j/cursors"]->data.assign(100, 'x');
  journal = *Journal::open(options);
  EXPECT_TRUE(journal->cursors_lost());
  EXPECT_GT(journal->append("x")->first, 332U);
}

// What is dropped is counted by weight, exactly, although a segment may have been passed in part and the process ends
// in between.
TEST(JournalFaults, DroppedWeightIsExactAndDurable) {
  for (std::uint64_t passed = 0; passed < 3000; passed += 331) {
    SimulatedFiles files(1);
    auto journal = *Journal::open(options_on(files));
    Reader* reader = *journal->reader({.name = "r", .loss = Loss::kOldest});
    std::uint64_t weight = 0;
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
      ASSERT_TRUE(journal->append_at(i, std::string(80, 'x'), i));
      ASSERT_TRUE(journal->hand_over(std::chrono::milliseconds(0)));
      if (i <= passed) reader->pass(i, i);
      if (i > passed) weight += i;
      if (i != 6000) continue;
      kill(files, journal);
      journal = *Journal::open(options_on(files));
      reader = *journal->reader({.name = "r", .loss = Loss::kOldest});
      // As its producer does: it looks through what is kept.
      while (true) {
        const auto got = reader->read();
        ASSERT_TRUE(got);
        if (got->empty()) break;
        for (const Record& record : *got) journal->weigh(record.position, record.replayed ? 0 : record.position);
      }
      reader->rewind();
      const std::uint64_t oldest = journal->stats().first_position;
      EXPECT_GT(oldest, 3000U);
    }
    const std::uint64_t oldest = journal->stats().first_position;
    std::uint64_t kept = 0;
    for (std::uint64_t i = oldest; i <= 10'000; ++i) kept += i;
    EXPECT_EQ(reader->stats().dropped_weight, weight - kept);
    reader->correct_dropped_weight(-5);
    EXPECT_EQ(reader->stats().dropped_weight, weight - kept - 5);
  }
}

}  // namespace
}  // namespace resmon::journal
