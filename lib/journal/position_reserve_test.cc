#include "journal/position_reserve.h"

#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

PositionReserve reserve_of(std::uint64_t positions) {
  Options options;
  options.never_reuse_positions = true;
  options.reserve_positions = positions;
  return PositionReserve(options);
}

TEST(JournalPositionReserve, ShowsNoMoreThanTheCursorsOnTheDeviceSay) {
  PositionReserve reserve = reserve_of(100);
  EXPECT_EQ(reserve.shown(5), 0U);
  EXPECT_EQ(reserve.next_position(5, false), 106U);
  reserve.stored(106);
  EXPECT_EQ(reserve.reserved(), 105U);
  EXPECT_EQ(reserve.shown(105), 105U);
  EXPECT_EQ(reserve.shown(106), 105U);
  reserve.lift();
  EXPECT_EQ(reserve.shown(106), 106U);
}

TEST(JournalPositionReserve, IsRenewedWhenHalfOfItIsUsed) {
  PositionReserve reserve = reserve_of(100);
  EXPECT_TRUE(reserve.runs_low(0));
  reserve.stored(reserve.next_position(0, false));
  EXPECT_FALSE(reserve.runs_low(50));
  EXPECT_TRUE(reserve.runs_low(51));
}

TEST(JournalPositionReserve, AnOrderlyEndSkipsNone) {
  EXPECT_EQ(reserve_of(100).next_position(7, true), 8U);
}

TEST(JournalPositionReserve, WithoutItAllIsShown) {
  PositionReserve reserve{Options()};
  EXPECT_EQ(reserve.shown(7), 7U);
  EXPECT_FALSE(reserve.runs_low(7));
  EXPECT_EQ(reserve.next_position(7, false), 8U);
}

}  // namespace
}  // namespace resmon::journal
