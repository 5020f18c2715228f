#include "base/skipped_turns.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

using std::chrono::milliseconds;

class SkippedTurnsTest : public ::testing::Test {
 protected:
  // A turn of `turn_ms` on the wall clock, taken at `steady_ms`.
  void took(std::int64_t turn_ms, std::int64_t steady_ms) {
    skipped_.took(turn_ms * 1'000'000, std::chrono::steady_clock::time_point(milliseconds(steady_ms)));
  }
  SkippedTurns skipped_{milliseconds(200)};
};

TEST_F(SkippedTurnsTest, NoneWhileEveryTurnIsTakenHoweverLate) {
  took(1000, 0);
  took(1200, 201);
  took(1400, 599);
  took(1600, 605);
  EXPECT_EQ(skipped_.count(), 0);
}

TEST_F(SkippedTurnsTest, CountsThoseThatPassed) {
  took(1000, 0);
  took(1800, 950);
  EXPECT_EQ(skipped_.count(), 3);
  took(2000, 1000);
  EXPECT_EQ(skipped_.count(), 3);
}

TEST_F(SkippedTurnsTest, ALateTurnAndOneInTimeHaveAWholeOneBetweenThem) {
  took(1000, 190);
  took(1400, 410);
  EXPECT_EQ(skipped_.count(), 1);
}

TEST_F(SkippedTurnsTest, AStepOfTheClockAndASuspendAreNotSkips) {
  took(1000, 0);
  took(3'600'000, 200);  // forward
  EXPECT_EQ(skipped_.count(), 0);
  took(1200, 400);  // and back
  EXPECT_EQ(skipped_.count(), 0);
  took(9'000'000, 1000);
  EXPECT_EQ(skipped_.count(), 2) << "of which the steady clock saw three turns";
}

}  // namespace
}  // namespace resmon
