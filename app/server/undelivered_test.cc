#include "undelivered.h"

#include <gtest/gtest.h>

namespace resmon::server {
namespace {

TEST(Undelivered, SaysTheOldestRowOfWhatIsNotDelivered) {
  Undelivered rows(0);
  EXPECT_EQ(rows.since(0), INT64_MAX);
  rows.note(1, 100);
  rows.note(2, 50);  // of a client that catches up
  rows.note(3, 110);
  EXPECT_EQ(rows.since(0), 50);
  EXPECT_EQ(rows.since(1), 50);
  EXPECT_EQ(rows.since(2), 110);
  EXPECT_EQ(rows.since(3), INT64_MAX);
}

TEST(Undelivered, KnowsNothingOfWhatAnEarlierProcessWrote) {
  Undelivered rows(7);
  rows.note(8, 100);
  EXPECT_EQ(rows.since(3), INT64_MIN);
  EXPECT_EQ(rows.since(7), 100);
  EXPECT_EQ(rows.since(8), INT64_MAX);
}

TEST(Undelivered, IsNeverTooLateWhenMuchWaits) {
  Undelivered rows(0);
  constexpr std::uint64_t kEntries = 100'000;
  for (std::uint64_t i = 1; i <= kEntries; ++i) rows.note(i, static_cast<UnixNanos>(i));
  for (std::uint64_t delivered = 0; delivered < kEntries; delivered += 777) {
    const UnixNanos since = rows.since(delivered);
    EXPECT_LE(since, static_cast<UnixNanos>(delivered + 1));
    EXPECT_GT(since, static_cast<UnixNanos>(delivered) - 100);
  }
  EXPECT_EQ(rows.since(kEntries), INT64_MAX);
}

}  // namespace
}  // namespace resmon::server
