#include "journal/recovery.h"

#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

CursorSlot slot_with(std::uint64_t committed, std::uint64_t next) {
  CursorSlot slot;
  slot.next_position = next;
  slot.cursors.resize(2);
  slot.cursors[0].committed = 3;
  slot.cursors[1].committed = committed;
  return slot;
}

Options with_reserve() {
  Options options;
  options.never_reuse_positions = true;
  options.reserve_positions = 100;
  options.buffer_bytes = 1600;
  return options;
}

TEST(JournalNextPosition, IsBehindAllThatWasFound) {
  Recovery::Found found;
  EXPECT_EQ(next_position(found, {}), 1U);
  found.existing_position = 10;
  EXPECT_EQ(next_position(found, {}), 11U);
  found.highest_name = 13;  // a file was begun for it
  EXPECT_EQ(next_position(found, {}), 13U);
  found.tally.position = 13;
  EXPECT_EQ(next_position(found, {}), 14U);
  found.cursors = slot_with(14, 40);
  EXPECT_EQ(next_position(found, {}), 15U);
}

TEST(JournalNextPosition, IsBehindWhatTheCursorsReserved) {
  Recovery::Found found;
  found.existing_position = 10;
  found.cursors = slot_with(5, 40);
  EXPECT_EQ(next_position(found, {}), 11U);
  EXPECT_EQ(next_position(found, with_reserve()), 40U);
  found.existing_position = 50;
  EXPECT_EQ(next_position(found, with_reserve()), 51U);
}

TEST(JournalNextPosition, IsAGuessOnTheSafeSideWithoutCursors) {
  Recovery::Found found;
  EXPECT_EQ(next_position(found, with_reserve()), 1U);
  found.used_before = true;
  found.existing_position = 10;
  EXPECT_EQ(next_position(found, {}), 11U);
  EXPECT_EQ(next_position(found, with_reserve()), 11U + 100 + 100 + 1);
}

TEST(JournalNextPosition, BelievesNoPositionThatNoJournalReaches) {
  Recovery::Found found;
  found.existing_position = 10;
  found.cursors = slot_with(kHighestPosition, kHighestPosition);
  EXPECT_EQ(next_position(found, with_reserve()), 11U);
}

}  // namespace
}  // namespace resmon::journal
