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

}  // namespace
}  // namespace resmon::journal
