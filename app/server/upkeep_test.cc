#include "upkeep.h"

#include <gtest/gtest.h>

namespace resmon::server {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(SchemaPatience, IsTheRetentionWhereThatIsShorterButAtLeastAMinute) {
  EXPECT_EQ(schema_patience(hours(1), seconds(0)), hours(1));  // kept for ever
  EXPECT_EQ(schema_patience(hours(1), hours(720)), hours(1));
  EXPECT_EQ(schema_patience(hours(1), minutes(10)), minutes(10));
  EXPECT_EQ(schema_patience(hours(1), seconds(5)), minutes(1));
  EXPECT_EQ(schema_patience(seconds(30), seconds(5)), seconds(30));  // as it is configured
}

TEST(EpochsToKeep, AQuietTableIsSweptAtEveryTenthStep) {
  for (std::uint32_t step = 1; step <= 30; ++step) {
    const auto kept = epochs_to_keep(500, 1000, step);
    EXPECT_EQ(kept.has_value(), step % 10 == 0) << step;
    // As many sweeps as there are in the idle time.
    EXPECT_EQ(kept.value_or(60), 60U) << step;
  }
}

TEST(EpochsToKeep, TheFullerTheTableTheSooner) {
  EXPECT_EQ(epochs_to_keep(501, 1000, 1), 20U);
  EXPECT_EQ(epochs_to_keep(750, 1000, 1), 20U);
  EXPECT_EQ(epochs_to_keep(751, 1000, 1), 3U);
  EXPECT_EQ(epochs_to_keep(1000, 1000, 10), 3U);
}

}  // namespace
}  // namespace resmon::server
