#include "logs/heads.h"

#include <gtest/gtest.h>

#include <numeric>

#include "logs/block.h"
#include "logs/test_support.h"

namespace resmon::logs {
namespace {

std::vector<std::uint32_t> rows_of(std::size_t count) {
  std::vector<std::uint32_t> out(count);
  std::iota(out.begin(), out.end(), 0U);
  return out;
}

class HeadsTest : public testing::Test {
 protected:
  void add(const StreamDay& key, int count, std::uint64_t position, std::size_t bytes = 0, UnixNanos received = 0) {
    heads_.add(key, numbered_lines(key.source, count, kTestSecond, 0, bytes), rows_of(static_cast<std::size_t>(count)),
               received, position);
  }
  const StreamDay a_{"h", "a", 0}, b_{"h", "b", 0};
  Heads heads_;
};

TEST_F(HeadsTest, KnowTheirLinesTimesAndOldestPosition) {
  add(a_, 3, 7);
  add(a_, 2, 9);
  const Head* const head = heads_.find(a_);
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->lines, 5U);
  EXPECT_EQ(head->first_position, 7U);
  EXPECT_EQ(head->first_time, kTestSecond);
  EXPECT_EQ(head->last_time, 3 * kTestSecond);
  EXPECT_EQ(head->text_bytes, 5U);
  EXPECT_EQ(heads_.find(b_), nullptr);
  EXPECT_EQ(heads_.first_position(), 7U);
  add(b_, 1, 8);
  EXPECT_EQ(heads_.bytes(), heads_.find(a_)->bytes + heads_.find(b_)->bytes);
  heads_.remove(a_);
  heads_.remove(a_);
  EXPECT_EQ(heads_.bytes(), heads_.find(b_)->bytes);
  EXPECT_EQ(heads_.first_position(), 8U);
  heads_.remove(b_);
  EXPECT_EQ(heads_.bytes(), 0U);
  EXPECT_EQ(heads_.first_position(), UINT64_MAX);
}

TEST_F(HeadsTest, SmallPiecesAreOneUntilAReaderHasIt) {
  add(a_, 3, 1);
  add(a_, 2, 2);
  const auto views = heads_.views();
  ASSERT_EQ(views.size(), 1U);
  ASSERT_EQ(views[0].pieces.size(), 1U);
  EXPECT_EQ(views[0].pieces[0].size(), 5U);
  add(a_, 1, 3);
  EXPECT_EQ(views[0].pieces[0].size(), 5U) << "what a reader has does not change";
  EXPECT_EQ(heads_.find(a_)->pieces.size(), 2U);
  add(a_, 1, 4);
  EXPECT_EQ(heads_.find(a_)->pieces.size(), 2U);
}

TEST_F(HeadsTest, ManyLinesAreKeptAsTheyCame) {
  const auto lines = numbered_lines("a", 300, kTestSecond);
  heads_.add(a_, lines, rows_of(257), 0, 1);
  heads_.add(a_, lines, rows_of(300), 0, 2);
  const auto& pieces = heads_.find(a_)->pieces;
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].lines, lines);
  EXPECT_EQ(pieces[0].size(), 257U);
  EXPECT_EQ(pieces[1].rows, nullptr);
  EXPECT_EQ(pieces[1].size(), 300U);
  add(a_, 1, 3);
  EXPECT_EQ(pieces.size(), 3U) << "nothing is added to what others have";
}

TEST_F(HeadsTest, JoinedPiecesAreBounded) {
  for (std::uint64_t i = 0; i < 17; ++i) add(a_, 256, i + 1);
  EXPECT_EQ(heads_.find(a_)->pieces.size(), 2U);
  EXPECT_EQ(heads_.find(a_)->pieces[0].size(), 4096U);
}

TEST_F(HeadsTest, LargeOnesAreDue) {
  add(a_, 1000, 1, 4000);
  EXPECT_TRUE(heads_.due(kTestSecond).empty());
  add(a_, 49, 2, 4000);
  EXPECT_EQ(heads_.due(kTestSecond), std::vector{a_}) << "4 MiB";
  add(b_, 4 * kBlockLines - 1, 3);
  EXPECT_EQ(heads_.due(kTestSecond).size(), 1U);
  add(b_, 1, 4);
  EXPECT_EQ(heads_.due(kTestSecond).size(), 2U);
}

TEST_F(HeadsTest, ADayThatIsOverIsDueOnceNothingComes) {
  constexpr UnixNanos kPatience = 600 * kTestSecond;
  add(a_, 1, 1);
  EXPECT_TRUE(heads_.due(kDayNanos + kPatience).empty());
  EXPECT_EQ(heads_.due(kDayNanos + kPatience + 1), std::vector{a_});
  add(a_, 1, 2, 0, kDayNanos + kPatience);
  EXPECT_TRUE(heads_.due(kDayNanos + 2 * kPatience).empty());
  EXPECT_EQ(heads_.due(kDayNanos + 2 * kPatience + 1), std::vector{a_});
}

TEST_F(HeadsTest, TheLargestAndTheOldest) {
  EXPECT_EQ(heads_.largest(), std::nullopt);
  EXPECT_EQ(heads_.oldest(), std::nullopt);
  add(b_, 10, 1);
  add(a_, 20, 2);
  EXPECT_EQ(heads_.largest(), a_);
  EXPECT_EQ(heads_.oldest(), b_);
}

}  // namespace
}  // namespace resmon::logs
