#include "base/repeats.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

using namespace std::chrono_literals;

TEST(RepeatsTest, TheFirstIsSaidAndTheRestAreSummedUp) {
  Repeats repeats(60s);
  const Repeats::Time start{};
  EXPECT_TRUE(repeats.say("a", "1", start));
  for (int i = 0; i < 999; ++i) EXPECT_FALSE(repeats.say("a", std::to_string(i), start + 1s));
  EXPECT_TRUE(repeats.say("b", "", start + 1s));
  EXPECT_TRUE(repeats.due(start + 59s).empty());
  const auto due = repeats.due(start + 60s);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].key, "a");
  EXPECT_EQ(due[0].times, 999U);
  EXPECT_EQ(due[0].last_text, "998");
  EXPECT_FALSE(repeats.say("a", "", start + 61s));  // it goes on: the next summary
  EXPECT_TRUE(repeats.due(start + 100s).empty());   // b is quiet
  EXPECT_EQ(repeats.due(start + 120s).size(), 1U);
  EXPECT_TRUE(repeats.due(start + 180s).empty());
  EXPECT_TRUE(repeats.say("a", "", start + 200s));
}

TEST(RepeatsTest, ManyKeysAreSummedUpTogether) {
  Repeats repeats(60s, 2);
  int said = 0;
  for (int i = 0; i < 100; ++i) said += repeats.say(std::to_string(i), "", {}) ? 1 : 0;
  EXPECT_EQ(said, 3);
  const auto due = repeats.due(Repeats::Time{} + 60s);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].key, Repeats::kOthers);
  EXPECT_EQ(due[0].times, 97U);
}

}  // namespace
}  // namespace resmon
