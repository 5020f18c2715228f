#include "journal/cursor_file.h"

#include <gtest/gtest.h>

#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

CursorSlot slot_at(std::uint64_t committed) {
  CursorSlot slot;
  slot.journal_id = 5;
  slot.next_position = committed + 1;
  slot.cursors.push_back({"r", committed, 0, 0, 0, 0, false});
  return slot;
}

TEST(JournalCursorFile, SlotsTakeTurnsAndTheNewestIsRead) {
  SimulatedFiles files(1);
  ASSERT_TRUE(files.make_directory("j"));
  {
    CursorFile file(files, "j", true);
    EXPECT_FALSE(file.read().slot);
    EXPECT_FALSE(file.read().damaged);
    EXPECT_EQ(file.generation(), 0U);
    for (const std::uint64_t committed : {3U, 4U, 5U}) ASSERT_TRUE(file.write(slot_at(committed)));
    EXPECT_EQ(file.generation(), 3U);
    file.write_tally({5, 6, 7, 8, 9});
  }
  CursorFile again(files, "j", true);
  const CursorFile::Found found = again.read();
  ASSERT_TRUE(found.slot);
  EXPECT_EQ(found.slot->cursors.at(0).committed, 5U);
  EXPECT_EQ(again.generation(), 3U);
  EXPECT_EQ(found.tally.position, 7U);
  EXPECT_EQ(found.tally.durable, 6U);
}

TEST(JournalCursorFile, AFailedWriteLeavesTheSlotBeforeIt) {
  SimulatedFiles files(1);
  ASSERT_TRUE(files.make_directory("j"));
  CursorFile file(files, "j", true);
  ASSERT_TRUE(file.write(slot_at(3)));
  files.fail_syncs = 1;
  EXPECT_FALSE(file.write(slot_at(4)));
  EXPECT_EQ(file.generation(), 1U);
  files.fail_syncs = 1;
  EXPECT_FALSE(file.write(slot_at(4)));
  files.recover();
  CursorFile again(files, "j", true);
  const CursorFile::Found found = again.read();
  ASSERT_TRUE(found.slot);
  EXPECT_GE(found.slot->cursors.at(0).committed, 3U);
  EXPECT_FALSE(found.damaged);
}

// After a failed sync the slot that a new process reads may be in memory only.
TEST(JournalCursorFile, WritesWhatItReadBeforeItTouchesTheOtherSlot) {
  SimulatedFiles files(1);
  ASSERT_TRUE(files.make_directory("j"));
  {
    CursorFile file(files, "j", true);
    ASSERT_TRUE(file.write(slot_at(3)));
    files.fail_syncs = 1;
    EXPECT_FALSE(file.write(slot_at(4)));  // in the kernel's memory only, which the kernel takes for clean
  }
  CursorFile again(files, "j", true);
  ASSERT_EQ(again.read().slot->cursors.at(0).committed, 4U);
  ASSERT_TRUE(again.write(slot_at(6)));
  const auto file = files.open("j/cursors");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(kCursorSlotBytes, std::string(64, 'x')));  // the newest is damaged
  files.recover();
  CursorFile last(files, "j", true);
  const CursorFile::Found found = last.read();
  ASSERT_TRUE(found.slot);
  EXPECT_GE(found.slot->cursors.at(0).committed, 4U);
}

TEST(JournalCursorFile, NoReadableSlotIsDamage) {
  SimulatedFiles files(1);
  ASSERT_TRUE(files.make_directory("j"));
  ASSERT_TRUE(files.create("j/cursors"));
  CursorFile file(files, "j", false);
  const CursorFile::Found found = file.read();
  EXPECT_FALSE(found.slot);
  EXPECT_TRUE(found.damaged);
}

}  // namespace
}  // namespace resmon::journal
