#include "journal/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

using namespace std::chrono_literals;

// Its syncs of a directory wait, once it is told to.
class SlowFiles : public SimulatedFiles {
 public:
  using SimulatedFiles::SimulatedFiles;
  Status sync_directory(const std::string& path) override {
    if (slow.exchange(false)) {
      entered.release();
      go_on.acquire();
    }
    return SimulatedFiles::sync_directory(path);
  }

  std::atomic<bool> slow = false;
  std::binary_semaphore entered{0};
  std::binary_semaphore go_on{0};
};

Options by_hand(SimulatedFiles& files) {
  Options options;
  options.directory = "j";
  options.files = &files;
  options.own_thread = false;
  return options;
}

void append_one(State& state) {
  const std::string_view record = "x";
  EXPECT_TRUE(state.append(std::span(&record, 1), 0, 3));
}

TEST(JournalCommitter, NeedsAFewFilesOfSpace) {
  SimulatedFiles files(1);
  Options options = by_hand(files);
  options.limit_bytes = (128U << 10U) - 1;
  State small(options);
  EXPECT_EQ(Committer(small).open().error().kind, ErrorKind::kInvalid);
  options.limit_bytes += 1;
  State enough(options);
  EXPECT_TRUE(Committer(enough).open());
}

TEST(JournalCommitter, HandsOverWithoutASync) {
  SimulatedFiles files(1);
  State state(by_hand(files));
  Committer committer(state);
  ASSERT_TRUE(committer.open());
  const std::uint64_t before = files.operations;
  ASSERT_TRUE(committer.hand_over(0ms));
  EXPECT_EQ(files.operations, before);  // there was nothing
  append_one(state);
  ASSERT_TRUE(committer.hand_over(0ms));
  EXPECT_EQ(state.stats().syncs, 0U);
  EXPECT_EQ(state.durable_position(), 0U);
  ASSERT_TRUE(committer.commit());
  EXPECT_EQ(state.stats().syncs, 1U);
  EXPECT_EQ(state.durable_position(), 1U);
  ASSERT_TRUE(committer.close());
}

TEST(JournalCommitter, DoesNotWaitLongForAnothersSync) {
  SlowFiles files(1);
  State state(by_hand(files));
  Committer committer(state);
  ASSERT_TRUE(committer.open());
  append_one(state);
  files.slow = true;
  std::thread other([&] { EXPECT_TRUE(committer.commit()); });
  files.entered.acquire();
  const Status busy = committer.hand_over(1ms);
  files.go_on.release();
  other.join();
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().message, "the disk is busy with what came before");
  EXPECT_TRUE(committer.hand_over(0ms));
  EXPECT_TRUE(committer.close());
}

TEST(JournalCommitter, AFailureIsKeptUntilItIsRepaired) {
  SimulatedFiles files(1);
  State state(by_hand(files));
  Committer committer(state);
  ASSERT_TRUE(committer.open());
  append_one(state);
  files.fail_syncs = 1;
  EXPECT_EQ(committer.commit().error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(state.stats().error.empty());
  EXPECT_EQ(state.stats().failures, 1U);
  EXPECT_EQ(committer.hand_over(0ms).error().message, state.stats().error);  // it is not yet time to try again
  ASSERT_TRUE(committer.commit());
  EXPECT_TRUE(state.stats().error.empty());
  EXPECT_EQ(state.durable_position(), 1U);
  EXPECT_TRUE(committer.close());
}

TEST(JournalCommitter, OnceClosedNothingMoreHappens) {
  SimulatedFiles files(1);
  State state(by_hand(files));
  Committer committer(state);
  ASSERT_TRUE(committer.open());
  append_one(state);
  ASSERT_TRUE(committer.close());
  EXPECT_EQ(state.durable_position(), 1U);
  const std::uint64_t operations = files.operations;
  EXPECT_TRUE(committer.close());
  EXPECT_FALSE(committer.commit());
  EXPECT_FALSE(committer.hand_over(0ms));
  EXPECT_FALSE(state.wait_durable(2, std::chrono::steady_clock::now() + 1h));
  EXPECT_EQ(files.operations, operations);
}

TEST(JournalCommitter, TheWeightThatTheProducerKnowsBetterIsNoted) {
  SimulatedFiles files(1);
  {
    State state(by_hand(files));
    Committer committer(state);
    ASSERT_TRUE(committer.open());
    committer.set_total_weight(100);
    append_one(state);
    ASSERT_TRUE(committer.close());
  }
  State state(by_hand(files));
  Committer committer(state);
  ASSERT_TRUE(committer.open());
  EXPECT_EQ(state.opened.tally.weight, 103U);
  ASSERT_TRUE(committer.close());
}

}  // namespace
}  // namespace resmon::journal
