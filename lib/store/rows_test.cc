#include "store/rows.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>

namespace resmon::store {
namespace {

using metric::FieldType;

// What rows say: of each time and column a type and a value; every time is there, with or without one.
using Said = std::map<UnixNanos, std::map<ColumnId, std::pair<FieldType, std::string>>>;

Said said_by(const Rows& rows) {
  Said said;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    auto& values = said[rows.times[row]];
    for (const RowColumn& column : rows.columns) {
      if (!bit(column.presence, row)) {
        EXPECT_EQ(column.cells[row], 0U) << "absent";
        continue;
      }
      const bool text = column.type == FieldType::kString;
      values[column.id] = {column.type, text ? std::string(column.string(row)) : std::to_string(column.cells[row])};
    }
  }
  return said;
}

// A column has one type: that of the newer rows, if they have it, and then only values of that type.
Said merged_of(const Rows& older, const Rows& newer) {
  Said said = said_by(older);
  for (auto& [time, values] : said)
    std::erase_if(values, [&](const auto& value) {
      const RowColumn* const column = newer.find(value.first);
      return column != nullptr && column->type != value.second.first;
    });
  for (const auto& [time, values] : said_by(newer)) {
    auto& all = said[time];
    for (const auto& [id, value] : values) all[id] = value;
  }
  return said;
}

Rows random_rows(std::mt19937& random, UnixNanos first, std::size_t count) {
  Rows rows;
  for (std::size_t row = 0; row < count; ++row) rows.times.push_back(first += 1 + static_cast<UnixNanos>(random() % 3));
  for (ColumnId id = 0; id < 6; ++id) {
    if (random() % 3 == 0) continue;
    RowColumn column;
    column.id = id;
    column.type = id == 0 || (id == 1 && random() % 2 == 0) ? FieldType::kString : FieldType::kInteger;
    column.cells.resize(count);
    column.presence.resize((count + 63) / 64);
    for (std::size_t row = 0; row < count; ++row) {
      if (random() % 4 == 0) continue;
      set_bit(column.presence, row);
      const std::string text(random() % 3, static_cast<char>('a' + random() % 3));
      column.cells[row] =
          column.type == FieldType::kString ? metric::string_cell(column.text.size(), text.size()) : random();
      if (column.type == FieldType::kString) column.text += text;
    }
    rows.columns.push_back(std::move(column));
  }
  return rows;
}

void expect_well_formed(const Rows& rows) {
  for (std::size_t row = 1; row < rows.size(); ++row) EXPECT_LT(rows.times[row - 1], rows.times[row]);
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    const RowColumn& column = rows.columns[i];
    EXPECT_TRUE(i == 0 || rows.columns[i - 1].id < column.id);
    EXPECT_EQ(column.cells.size(), rows.size());
    ASSERT_EQ(column.presence.size(), (rows.size() + 63) / 64);
    EXPECT_TRUE(rows.size() % 64 == 0 || column.presence.back() >> (rows.size() % 64) == 0) << "beyond the end";
  }
}

TEST(RowsTest, MergedRowsSayWhatBothSay) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const Rows older = random_rows(random, 0, random() % 150);
    const UnixNanos last = older.times.empty() ? 0 : older.times.back();
    // Behind all of it, which is the usual case, or among it.
    Rows newer = random_rows(random, random() % 2 == 0 ? last : last / 2, random() % 150);
    // Or of the same times.
    if (round % 4 == 0) {
      newer = random_rows(random, 0, older.size());
      newer.times = older.times;
    }
    const Rows merged = merge(older, newer);
    expect_well_formed(merged);
    ASSERT_EQ(said_by(merged), merged_of(older, newer)) << "round " << round;
  }
}

TEST(RowsTest, ManyPartsBecomeOne) {
  std::mt19937 random(8);
  Rows all;
  Said said;
  for (int part = 0; part < 40; ++part) {
    const Rows more = random_rows(random, all.times.empty() ? 0 : all.times.back(), 1 + random() % 70);
    said = merged_of(all, more);
    all = merge(std::move(all), more);
    expect_well_formed(all);
    ASSERT_EQ(said_by(all), said);
  }
}

TEST(RowsTest, ASliceSaysWhatItsRowsSay) {
  std::mt19937 random(9);
  for (int round = 0; round < 150; ++round) {
    const Rows rows = random_rows(random, 0, 1 + random() % 150);
    const std::size_t first = random() % rows.size();
    const std::size_t last = first + random() % (rows.size() - first + 1);
    const Rows part = slice(rows, first, last);
    expect_well_formed(part);
    Said said;
    for (const auto& one : said_by(rows))
      if (last > first && one.first >= rows.times[first] && one.first <= rows.times[last - 1]) said.insert(one);
    ASSERT_EQ(said_by(part), said);
  }
}

}  // namespace
}  // namespace resmon::store
