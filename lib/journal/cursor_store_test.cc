#include "journal/cursor_store.h"

#include <gtest/gtest.h>

#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

Options with_positions_reserved(SimulatedFiles& files) {
  Options options;
  options.directory = "j";
  options.files = &files;
  options.never_reuse_positions = true;
  options.reserve_positions = 100;
  return options;
}

std::optional<CursorSlot> stored_slot(SimulatedFiles& files) {
  return CursorFile(files, "j", true).read().slot;
}

TEST(JournalCursorStore, BringsTheCursorsAndTheReserveToTheDevice) {
  SimulatedFiles files(1);
  State state(with_positions_reserved(files));
  state.take_over({});
  ASSERT_TRUE(state.attach({.name = "r"}));
  CursorStore store(state);
  EXPECT_FALSE(store.any_stored());
  ASSERT_TRUE(store.write());
  EXPECT_TRUE(store.any_stored());
  const MutexLock lock(state.mutex);
  EXPECT_EQ(store.snapshots(), state.cursors.snapshots());
  EXPECT_FALSE(state.cursors.dirty());
  EXPECT_EQ(state.reserve.reserved(), 100U);
  const auto slot = stored_slot(files);
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->next_position, 101U);
  ASSERT_EQ(slot->cursors.size(), 1U);
  EXPECT_EQ(slot->cursors[0].name, "r");
}

TEST(JournalCursorStore, ReservesNothingAtAnOrderlyEnd) {
  SimulatedFiles files(1);
  State state(with_positions_reserved(files));
  state.take_over({});
  CursorStore store(state);
  {
    const MutexLock lock(state.mutex);
    state.closed = true;
  }
  ASSERT_TRUE(store.write());
  EXPECT_EQ(stored_slot(files)->next_position, 1U);
}

TEST(JournalCursorStore, AfterAFailureTheyAreToBeWrittenAgain) {
  SimulatedFiles files(1);
  State state(with_positions_reserved(files));
  state.take_over({});
  CursorStore store(state);
  files.fail_ratio = 1;
  EXPECT_FALSE(store.write());
  files.fail_ratio = 0;
  EXPECT_EQ(store.snapshots(), 0U);
  {
    const MutexLock lock(state.mutex);
    EXPECT_TRUE(state.cursors.dirty());
    EXPECT_EQ(state.reserve.reserved(), 0U);
  }
  ASSERT_TRUE(store.write());
  EXPECT_EQ(store.snapshots(), 2U);
}

}  // namespace
}  // namespace resmon::journal
