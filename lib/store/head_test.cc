#include "store/head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>

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
  }
  void clear() {
    head_.clear();
    table_.clear();
  }
  const Head& head() const { return head_; }
  std::uint64_t random(std::uint64_t below) { return random_() % below; }

 private:
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
