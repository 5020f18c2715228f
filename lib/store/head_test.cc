#include "store/head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/test_rounds.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;
using namespace std::string_literals;

// Rows by time, values by column, as text.
using Table = std::map<UnixNanos, std::map<ColumnId, std::string>>;

Table table_of(const Rows& rows) {
  Table table;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    table[rows.times[row]];
    for (const RowColumn& column : rows.columns)
      if (bit(column.presence, row))
        table[rows.times[row]][column.id] = text_of(column.type, column.cells[row], column.text);
  }
  return table;
}

// A head and what it should say.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : random_(seed) {}

  void add_column() {
    const auto id = static_cast<ColumnId>(columns_ * 3 % 1009);
    types_.push_back(static_cast<FieldType>(random_() % metric::kFieldTypeCount));
    EXPECT_EQ(head_.slot(id, types_.back()), columns_++);
  }
  void add(UnixNanos time) {
    std::string text;
    row_.begin(columns_, {});
    bool any = false;
    const bool whole = random_() % 3 != 0;
    for (std::size_t slot = 0; slot < columns_; ++slot) {
      if (!whole && random_() % 2 == 0) continue;
      row_.set(slot, cell(types_[slot], text));
      any = true;
    }
    if (!any) row_.set(0, cell(types_[0], text));
    row_.text = text;
    for (std::size_t slot = 0; slot < columns_; ++slot)
      if ((row_.presence[slot / 64] >> (slot % 64) & 1U) != 0)
        table_[time][head_.slots()[slot].id] = text_of(types_[slot], row_.cells[slot], text);
    head_.add(time, row_, scratch_);
  }
  void compare(TimeRange range, const std::vector<ColumnId>* wanted) {
    Table expected;
    for (auto it = table_.lower_bound(range.first); it != table_.end() && it->first < range.last; ++it) {
      expected[it->first];
      for (const auto& [id, text] : it->second)
        if (wanted == nullptr || std::binary_search(wanted->begin(), wanted->end(), id)) expected[it->first][id] = text;
    }
    ASSERT_EQ(table_of(head_.copy(range, wanted)), expected);
    ASSERT_EQ(head_.size(), table_.size());
    if (table_.empty()) return;
    ASSERT_EQ(head_.first_time(), table_.begin()->first);
    ASSERT_EQ(head_.last_time(), table_.rbegin()->first);
    compare_newest();
  }
  void clear() {
    head_.clear();
    table_.clear();
  }
  const Head& head() const { return head_; }
  std::uint64_t random(std::uint64_t below) { return random_() % below; }

 private:
  // What is at hand of the newest row, if anything is, is that row.
  void compare_newest() const {
    std::vector<ColumnId> numbers;
    for (const Slot& slot : head_.slots())
      if (slot.type != FieldType::kString) numbers.push_back(slot.id);
    const auto newest = head_.newest(numbers);
    if (!newest) return;
    ASSERT_EQ(newest->time, table_.rbegin()->first);
    std::map<ColumnId, std::string> said;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto slot = std::find_if(head_.slots().begin(), head_.slots().end(),
                                     [&](const Slot& one) { return one.id == numbers[i]; });
      if (newest->there[i] != 0) said[numbers[i]] = text_of(slot->type, newest->cells[i], {});
    }
    std::map<ColumnId, std::string> expected = table_.rbegin()->second;
    std::erase_if(expected, [&](const auto& one) {
      return std::find(numbers.begin(), numbers.end(), one.first) == numbers.end();
    });
    ASSERT_EQ(said, expected);
  }

  metric::Cell cell(FieldType type, std::string& text) {
    switch (type) {
      case FieldType::kFloat: {
        const double odd[] = {0.0,  -0.0,           1e300,          -1e-300,
                              1e13, 99999999999.99, std::sqrt(2.0), std::numeric_limits<double>::denorm_min()};
        return metric::cell_of(random_() % 4 == 0 ? odd[random_() % 8]
                                                  : static_cast<double>(random_() % 4000) / 100 - 20);
      }
      case FieldType::kBoolean:
        return random_() % 2;
      case FieldType::kString: {
        const std::string value = "value"s.substr(0, random_() % 6);
        text += value;
        return metric::string_cell(text.size() - value.size(), value.size());
      }
      default:
        return random_() % 5 == 0 ? random_() : random_() % 10;
    }
  }

  std::mt19937_64 random_;
  Head head_;
  Table table_;
  std::vector<FieldType> types_;
  std::size_t columns_ = 0;
  SlotRow row_;
  Head::Scratch scratch_;
};

TEST(HeadTest, SaysWhatWasWrittenInAnyOrder) {
  for (std::uint64_t seed = 1; seed <= test_rounds(30); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed);
    UnixNanos now = kStart;
    for (std::uint64_t columns = 1 + pair.random(seed % 10 == 0 ? 150 : 9); columns > 0; --columns) pair.add_column();
    const std::uint64_t disorder = pair.random(8);
    for (int step = 0; step < 400; ++step) {
      if (pair.random(100) == 0) pair.add_column();
      if (pair.random(10) >= disorder / 2) now += 5 * kSecond;
      UnixNanos time = now;
      if (pair.random(20) < disorder) time -= static_cast<UnixNanos>(pair.random(300)) * kSecond;
      if (pair.random(5) == 0) time += static_cast<UnixNanos>(pair.random(900));
      now = std::max(now, time);
      pair.add(time);
      if (step % 50 == 0) pair.compare({}, nullptr);
      if (HasFatalFailure()) return;
    }
    for (int round = 0; round < 20; ++round) {
      const std::vector<ColumnId> wanted{static_cast<ColumnId>(pair.random(4) * 3), 12, 15};
      const UnixNanos first = kStart + static_cast<UnixNanos>(pair.random(2000)) * kSecond;
      pair.compare({first, first + static_cast<UnixNanos>(pair.random(2000)) * kSecond},
                   round % 2 == 0 ? nullptr : &wanted);
      if (HasFatalFailure()) return;
    }
    pair.clear();
    pair.compare({}, nullptr);
    pair.add(kStart);
    pair.compare({}, nullptr);
  }
}

TEST(HeadTest, TimesAtTheEndsOfTheRange) {
  Pair pair(1);
  pair.add_column();
  for (const UnixNanos time : {INT64_MIN, INT64_MAX - 1, std::int64_t{0}, INT64_MAX - 1, INT64_MIN}) pair.add(time);
  pair.compare({}, nullptr);
  pair.compare({INT64_MIN, INT64_MIN}, nullptr);
  pair.compare({INT64_MAX - 1, INT64_MAX}, nullptr);
  pair.compare({INT64_MIN, 0}, nullptr);
  pair.compare({0, 1}, nullptr);
}

// A row that is changed over and over is written anew now and then.
TEST(HeadTest, ARowThatIsChangedOftenStaysSmall) {
  Pair pair(2);
  for (int column = 0; column < 8; ++column) pair.add_column();
  for (int i = 0; i < 10'000; ++i) pair.add(kStart);
  pair.compare({}, nullptr);
  EXPECT_LT(pair.head().memory_bytes(), 20'000U);
}

// A head of a number (column 1), a text (2) and another number (3), which newest() is asked about.
class NewestRowTest : public ::testing::Test {
 protected:
  NewestRowTest() {
    head_.slot(1, FieldType::kFloat);
    head_.slot(2, FieldType::kString);
    head_.slot(3, FieldType::kInteger);
  }
  void add(UnixNanos time, std::optional<double> one, std::optional<std::int64_t> three, bool text = true) {
    SlotRow row;
    row.begin(head_.slots().size(), "text");
    if (one) row.set(0, metric::cell_of(*one));
    if (text) row.set(1, metric::string_cell(0, 4));
    if (three) row.set(2, metric::cell_of(*three));
    head_.add(time, row, scratch_);
  }
  // "time: value value", "-" for a value that is not there; empty where nothing is at hand.
  std::string newest(const std::vector<ColumnId>& columns) const {
    const auto row = head_.newest(columns);
    if (!row) return {};
    std::string out = std::to_string(row->time) + ":";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string value = columns[i] == 1 ? std::to_string(static_cast<int>(metric::as_float(row->cells[i])))
                                                : std::to_string(metric::as_integer(row->cells[i]));
      out += row->there[i] != 0 ? " " + value : " -";
    }
    return out;
  }

  Head head_;
  Head::Scratch scratch_;
};

TEST_F(NewestRowTest, IsAtHandIfItHasAllColumns) {
  EXPECT_EQ(newest({1}), "");
  add(10, 1.0, 3);
  add(20, 5.0, 7);
  EXPECT_EQ(newest({1, 3}), "20: 5 7");
  EXPECT_EQ(newest({3, 9, 1}), "20: 7 - 5");
  EXPECT_EQ(newest({2}), "") << "text";
  EXPECT_EQ(newest({1, 2}), "") << "text";
  EXPECT_EQ(newest({9}), "") << "a column of others";
  add(30, std::nullopt, 8);
  EXPECT_EQ(newest({3}), "") << "a row without a column";
  add(40, 9.0, 9);
  EXPECT_EQ(newest({1, 3}), "40: 9 9");
  head_.slot(4, FieldType::kFloat);
  EXPECT_EQ(newest({1, 4}), "40: 9 -");
  head_.clear();
  EXPECT_EQ(newest({1}), "");
}

TEST_F(NewestRowTest, OfARowThatIsChanged) {
  add(10, std::nullopt, 3);
  EXPECT_EQ(newest({1}), "");
  add(10, 4.0, std::nullopt);
  EXPECT_EQ(newest({1}), "") << "no single write had all";
  add(10, 5.0, 6);
  add(10, std::nullopt, 7, false);
  EXPECT_EQ(newest({1, 3}), "10: 5 7") << "changed in part, it still has all";
}

TEST_F(NewestRowTest, BesideLateRows) {
  for (int i = 1; i <= 200; ++i) add(i * 10, static_cast<double>(i), i);
  add(5, 1.0, 1);
  EXPECT_EQ(newest({1, 3}), "2000: 200 200");
  add(1995, 1.0, std::nullopt);
  EXPECT_EQ(newest({1, 3}), "2000: 200 200");
  add(2010, std::nullopt, 1);
  add(2005, 2.0, 2);
  EXPECT_EQ(newest({3}), "") << "the row that lacks a column is still the newest";
}

// What a snapshot brings back is bytes: the next row finds their end.
TEST_F(NewestRowTest, AfterASnapshot) {
  add(10, 1.0, 3);
  add(20, 2.0, 4);
  std::vector<PieceView> pieces;
  for (const Piece& piece : head_.pieces())
    pieces.push_back({piece.slots, piece.rows, piece.first_time, piece.last_time, piece.bytes});
  const Slots slots = head_.slots();
  Head restored;
  ASSERT_TRUE(restored.restore({0, 0, slots, 0, pieces}, 0, slots));
  head_ = std::move(restored);
  EXPECT_EQ(newest({1, 3}), "");
  add(15, 9.0, 9);
  EXPECT_EQ(newest({1, 3}), "20: 2 4");
  add(30, 3.0, 5);
  EXPECT_EQ(newest({1, 3}), "30: 3 5");
}

TEST(HeadTest, AMachineThatStandsStillTakesLittle) {
  Head head;
  SlotRow row;
  Head::Scratch scratch;
  for (ColumnId id = 0; id < 20; ++id) head.slot(id, id % 2 == 0 ? FieldType::kFloat : FieldType::kInteger);
  for (int i = 0; i < 960; ++i) {
    row.begin(20, {});
    for (std::size_t slot = 0; slot < 20; ++slot)
      row.set(slot, slot % 2 == 0 ? metric::cell_of(12.34) : metric::cell_of(std::int64_t{i / 4}));
    head.add(kStart + i * 5 * kSecond, row, scratch);
  }
  EXPECT_EQ(head.copy({}, nullptr).size(), 960U);
  EXPECT_LT(static_cast<double>(head.memory_bytes()) / (960 * 20), 0.6);
}

}  // namespace
}  // namespace resmon::store
