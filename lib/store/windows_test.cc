#include "store/windows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "store/decimal.h"

namespace resmon::store {
namespace {

using metric::Cell;
using metric::FieldType;

struct Column {
  std::vector<Cell> cells;
  std::vector<std::uint64_t> presence;
};

// Feeds one column in blocks of `step` rows; absent where the value is NaN.
Rows fold(const std::vector<UnixNanos>& times, const std::vector<double>& values, std::size_t step) {
  const WindowColumn column{3, FieldType::kFloat};
  WindowFolder folder({&column, 1}, 31, kMinuteWidth);
  for (std::size_t from = 0; from < times.size(); from += step) {
    const std::size_t count = std::min(step, times.size() - from);
    std::vector<Cell> cells;
    std::vector<std::uint64_t> presence((count + 63) / 64);
    for (std::size_t i = 0; i < count; ++i) {
      const double v = values[from + i];
      cells.push_back(std::isnan(v) ? 0 : metric::cell_of(v));
      if (!std::isnan(v)) set_bit(presence, i);
    }
    const Block::ColumnData data{cells, presence, {}};
    folder.add(Block{{times.data() + from, count}, {&data, 1}});
  }
  return folder.take();
}

double at(const Rows& rows, Aggregate aggregate, std::size_t window) {
  const RowColumn* const column = rows.find(window_column(3, aggregate));
  EXPECT_NE(column, nullptr);
  return column == nullptr ? 0 : metric::as_float(column->cells[window]);
}

constexpr UnixNanos kSecond = 1'000'000'000;
constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

TEST(WindowsTest, StartsAlignToTheEpochOnBothSidesOfIt) {
  EXPECT_EQ(window_start(0, kMinuteWidth), 0);
  EXPECT_EQ(window_start(59 * kSecond, kMinuteWidth), 0);
  EXPECT_EQ(window_start(-1, kMinuteWidth), -kMinuteWidth);
  EXPECT_EQ(window_start(-kMinuteWidth, kMinuteWidth), -kMinuteWidth);
  EXPECT_EQ(window_start(INT64_MIN, kMinuteWidth), INT64_MIN);
}

TEST(WindowsTest, DecimalsAddUpExactlyWhateverTheBlocks) {
  std::vector<UnixNanos> times;
  std::vector<double> values;
  for (int i = 0; i < 36; ++i) {
    times.push_back(i * 5 * kSecond);
    values.push_back(0.1);
  }
  values[3] = 0.25;
  values[4] = kAbsent;
  const Rows whole = fold(times, values, 100);
  ASSERT_EQ(whole.size(), 3U);
  EXPECT_EQ(at(whole, Aggregate::kSum, 0), 1.25);
  EXPECT_EQ(at(whole, Aggregate::kSum, 1), 1.2);  // twelve times 0.1 added one by one is 1.2 and a bit
  EXPECT_EQ(at(whole, Aggregate::kMin, 0), 0.1);
  EXPECT_EQ(at(whole, Aggregate::kMax, 0), 0.25);
  EXPECT_EQ(whole.find(window_column(3, Aggregate::kCount))->cells[0], 11U);
  for (const std::size_t step : {1U, 5U, 12U, 13U}) {
    const Rows parts = fold(times, values, step);
    ASSERT_EQ(parts.columns.size(), whole.columns.size());
    EXPECT_EQ(parts.times, whole.times);
    for (std::size_t c = 0; c < whole.columns.size(); ++c) EXPECT_EQ(parts.columns[c].cells, whole.columns[c].cells);
  }
}

TEST(WindowsTest, DecimalsOfAnyPlacesInAnyOrderAddUpExactly) {
  std::mt19937_64 random(1);
  constexpr std::int64_t kMillion = 1'000'000;
  for (int round = 0; round < 2000; ++round) {
    std::vector<UnixNanos> times;
    std::vector<double> values;
    std::int64_t millionths = 0;
    const std::uint64_t most = 1 + random() % 7;
    for (std::size_t count = 1 + random() % 12; times.size() < count;) {
      const auto power = static_cast<std::int64_t>(decimal_power(static_cast<unsigned>(random() % most)));
      const std::int64_t value = static_cast<std::int64_t>(random() % 100'000'000) - 50'000'000;
      if (value == 0) continue;
      times.push_back(static_cast<UnixNanos>(times.size()) * kSecond);
      values.push_back(static_cast<double>(value) / static_cast<double>(power));
      millionths += value * (kMillion / power);
    }
    if (std::abs(millionths) > kMaxExactWhole) continue;
    ASSERT_EQ(at(fold(times, values, 5), Aggregate::kSum, 0), static_cast<double>(millionths) / kMillion) << round;
  }
}

TEST(WindowsTest, TheNearestWholeNumber) {
  std::mt19937_64 random(2);
  for (const double whole : {0.0, 1.0, 2.0, 7.0, 4503599627370495.0, 4503599627370496.0, 9007199254740992.0, 1e300})
    for (const double fraction : {0.0, 0.25, 0.5, 0.75, std::nextafter(0.5, 0), std::nextafter(0.5, 1)})
      for (const double sign : {1.0, -1.0})
        EXPECT_EQ(nearest_whole(sign * (whole + fraction)), std::nearbyint(sign * (whole + fraction)));
  for (int i = 0; i < 100'000; ++i) {
    const double v = std::ldexp(static_cast<double>(random() % (1U << 30U)), static_cast<int>(random() % 60) - 30);
    ASSERT_EQ(nearest_whole(v), std::nearbyint(v)) << v;
  }
}

TEST(WindowsTest, OtherFloatsAndNumbersTooLargeAreAddedInOrder) {
  const std::vector<UnixNanos> times{0, kSecond, 2 * kSecond};
  const double third = 1.0 / 3;
  EXPECT_EQ(at(fold(times, {third, third, 0.1}, 8), Aggregate::kSum, 0), third + third + 0.1);
  EXPECT_EQ(at(fold(times, {9e15, 9e15, 9e15}, 8), Aggregate::kSum, 0), 9e15 + 9e15 + 9e15);
  EXPECT_EQ(at(fold(times, {1e300, 0.000001, 1.5}, 8), Aggregate::kSum, 0), 1e300);
}

TEST(WindowsTest, OfEqualFloatsTheFirstCounts) {
  const Rows rows = fold({0, kSecond}, {-0.0, 0.0}, 8);
  EXPECT_TRUE(std::signbit(at(rows, Aggregate::kMin, 0)));
  EXPECT_TRUE(std::signbit(at(rows, Aggregate::kMax, 0)));
  EXPECT_FALSE(std::signbit(at(rows, Aggregate::kLast, 0)));
}

TEST(WindowsTest, WindowsWithoutAValueAreNotThere) {
  const Rows rows = fold({0, 70 * kSecond, 200 * kSecond}, {1, kAbsent, 2}, 1);
  EXPECT_EQ(rows.times, (std::vector<UnixNanos>{0, 180 * kSecond}));
}

}  // namespace
}  // namespace resmon::store
