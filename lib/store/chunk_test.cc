#include "store/chunk.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/crc32c.h"
#include "store/windows.h"

namespace resmon::store {
namespace {

using metric::Cell;
using metric::FieldType;

RowColumn make_column(ColumnId id, FieldType type, std::size_t rows) {
  RowColumn column;
  column.id = id;
  column.type = type;
  column.cells.resize(rows);
  column.presence.resize((rows + 63) / 64);
  return column;
}

void put(RowColumn& column, std::size_t row, Cell cell) {
  set_bit(column.presence, row);
  column.cells[row] = cell;
}
void put(RowColumn& column, std::size_t row, std::string_view text) {
  put(column, row, metric::string_cell(column.text.size(), text.size()));
  column.text.append(text);
}

void expect_equal(const RowColumn& a, const RowColumn& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.type, b.type);
  ASSERT_EQ(a.presence, b.presence);
  for (std::size_t row = 0; row < a.cells.size(); ++row) {
    if (a.type == FieldType::kString && bit(a.presence, row))
      ASSERT_EQ(a.string(row), b.string(row));
    else
      ASSERT_EQ(a.cells[row], b.cells[row]) << "column " << a.id << " row " << row;
  }
}

// The rows before some time are those of all that are before it.
void expect_first_rows(const ChunkReader& chunk, const Rows& all) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, all.size() / 3, all.size() - 1}) {
    if (count >= all.size()) continue;
    const Rows expected = slice(all, 0, count);
    const Result<Rows> some = chunk.rows(nullptr, all.times[count]);
    ASSERT_TRUE(some) << some.error().message;
    ASSERT_EQ(some->times, expected.times);
    ASSERT_EQ(some->columns.size(), expected.columns.size());
    for (std::size_t i = 0; i < expected.columns.size(); ++i) {
      expect_equal(expected.columns[i], some->columns[i]);
      const std::vector<ColumnId> wanted{expected.columns[i].id};
      const Result<Rows> alone = chunk.rows(&wanted, all.times[count]);
      ASSERT_TRUE(alone);
      expect_equal(expected.columns[i], alone->columns.at(0));
    }
  }
}

void expect_round_trip(const Rows& rows, bool windows = false) {
  const std::string bytes = encode_chunk(rows, windows);
  Result<ChunkReader> chunk = ChunkReader::open(bytes);
  ASSERT_TRUE(chunk) << chunk.error().message;
  const Result<Rows> back = chunk->rows();
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->times, rows.times);
  expect_first_rows(*chunk, *back);
  std::size_t i = 0;
  for (const RowColumn& column : rows.columns) {
    bool any = false;
    for (std::size_t row = 0; row < rows.size(); ++row) any |= bit(column.presence, row);
    if (!any) continue;
    ASSERT_LT(i, back->columns.size());
    expect_equal(column, back->columns[i]);
    // Alone, too: then what it refers to is read for its sake.
    Result<ChunkReader> again = ChunkReader::open(bytes);
    const std::vector<ColumnId> wanted{column.id};
    const Result<Rows> alone = again->rows(&wanted);
    ASSERT_TRUE(alone);
    expect_equal(column, alone->columns.at(0));
    ++i;
  }
  EXPECT_EQ(i, back->columns.size());
}

Rows rows_at(std::size_t count) {
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) rows.times.push_back(static_cast<UnixNanos>(i) * 5'000'000'000);
  return rows;
}

TEST(Crc32cTest, KnownValue) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

TEST(ChunkTest, EveryBitPatternComesBack) {
  const std::vector<Cell> floats{metric::cell_of(0.0),
                                 metric::cell_of(-0.0),
                                 metric::cell_of(0.1),
                                 metric::cell_of(-12.25),
                                 metric::cell_of(std::numeric_limits<double>::denorm_min()),
                                 metric::cell_of(std::numeric_limits<double>::max()),
                                 metric::cell_of(1e15 + 0.25),
                                 metric::cell_of(16.400000001667067),
                                 metric::cell_of(9007199254740993.0)};
  const std::vector<Cell> integers{0, static_cast<Cell>(INT64_MIN), static_cast<Cell>(INT64_MAX), UINT64_MAX, 1};
  const std::string huge(65'536, 'x');
  const std::vector<std::string_view> strings{"", huge, "up 3 days, 4:13", std::string_view("\0\xff", 2), ""};
  Rows rows = rows_at(45);
  for (const FieldType type :
       {FieldType::kFloat, FieldType::kInteger, FieldType::kUnsigned, FieldType::kBoolean, FieldType::kString}) {
    RowColumn column = make_column(static_cast<ColumnId>(rows.columns.size()), type, 45);
    for (std::size_t row = 0; row < 45; ++row) {
      if (type == FieldType::kFloat)
        put(column, row, floats[row % floats.size()]);
      else if (type == FieldType::kBoolean)
        put(column, row, Cell{row % 3 == 0});
      else if (type == FieldType::kString)
        put(column, row, strings[row % strings.size()]);
      else
        put(column, row, integers[row % integers.size()]);
    }
    rows.columns.push_back(std::move(column));
  }
  expect_round_trip(rows);
  expect_round_trip(slice(rows, 3, 4));
}

TEST(ChunkTest, RandomRowsComeBack) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 400; ++round) {
    const std::size_t count = 1 + random() % (round % 20 == 0 ? 2000 : 150);
    Rows rows = rows_at(count);
    if (round % 3 == 0)
      for (std::size_t i = 1; i < count; ++i)
        rows.times[i] = rows.times[i - 1] + 1 + static_cast<UnixNanos>(random() % 10'000'000'000);
    const std::size_t columns = 1 + random() % 12;
    for (ColumnId id = 0; id < columns; ++id) {
      RowColumn column = make_column(id * 3, static_cast<FieldType>(random() % metric::kFieldTypeCount), count);
      const unsigned absent = static_cast<unsigned>(random() % 3 == 0 ? random() % 100 : 0);
      const std::uint64_t style = random() % 5;
      const RowColumn* const other = id > 0 ? &rows.columns[random() % id] : nullptr;
      const bool together = other != nullptr && random() % 3 == 0;
      Cell level = random() >> (random() % 64);
      for (std::size_t row = 0; row < count; ++row) {
        if (together ? !bit(other->presence, row) : random() % 100 < absent) continue;
        level += random() % 50;
        switch (column.type) {
          case FieldType::kFloat:
            if (style == 0)
              put(column, row, metric::cell_of(static_cast<double>(random() % 10'000) / 100));
            else if (style == 1)
              put(column, row, metric::cell_of(std::sqrt(static_cast<double>(random() % 1000))));
            else if (style == 2 && other != nullptr && other->type == FieldType::kFloat)
              put(column, row,
                  metric::cell_of(std::nearbyint((100 - metric::as_float(other->cells[row])) * 100) / 100));
            else
              put(column, row, metric::cell_of(static_cast<double>(level % 1'000'000) / 1000));
            break;
          case FieldType::kBoolean:
            put(column, row, Cell{random() % 8 == 0});
            break;
          case FieldType::kString:
            put(column, row,
                style == 0   ? std::to_string(random())
                : style == 1 ? "up"
                             : std::string(random() % 3, 'a'));
            break;
          default:
            if (style == 0)
              put(column, row, random());
            else if (style == 2 && other != nullptr && other->type != FieldType::kString)
              put(column, row, level - other->cells[row]);
            else
              put(column, row, level * 1024);
        }
      }
      rows.columns.push_back(std::move(column));
    }
    expect_round_trip(rows);
  }
}

TEST(ChunkTest, AColumnThatFollowsFromAnotherCostsNothing) {
  std::mt19937_64 random(5);
  Rows rows = rows_at(720);
  RowColumn idle = make_column(0, FieldType::kFloat, 720);
  RowColumn active = make_column(1, FieldType::kFloat, 720);
  for (std::size_t row = 0; row < 720; ++row) {
    const auto hundredths = static_cast<double>(random() % 10'000);
    put(idle, row, metric::cell_of(hundredths / 100));
    put(active, row, metric::cell_of((10'000 - hundredths) / 100));
  }
  rows.columns.push_back(idle);
  const std::size_t one = encode_chunk(rows).size();
  rows.columns.push_back(active);
  EXPECT_LE(encode_chunk(rows).size(), one + 16);
  expect_round_trip(rows);
}

// Their hundredths are no exact floats: they have a scale of their own beside columns of hundredths.
TEST(ChunkTest, LargeWholeFloatsComeBackBesideHundredths) {
  Rows rows = rows_at(50);
  RowColumn small = make_column(0, FieldType::kFloat, 50);
  RowColumn large = make_column(1, FieldType::kFloat, 50);
  for (std::size_t row = 0; row < 50; ++row) {
    put(small, row, metric::cell_of(static_cast<double>(row) / 100));
    put(large, row, metric::cell_of(row < 40 ? static_cast<double>(row) : 4e15 + static_cast<double>(row)));
  }
  rows.columns = {small, large};
  expect_round_trip(rows);
}

TEST(ChunkTest, ColumnsThatAreWrittenTogetherHaveOnePresence) {
  std::mt19937_64 random(8);
  Rows rows = rows_at(720);
  RowColumn whole = make_column(0, FieldType::kInteger, 720);
  for (std::size_t row = 0; row < 720; ++row) put(whole, row, 1);
  rows.columns.push_back(whole);
  RowColumn first = make_column(3, FieldType::kInteger, 720);
  for (std::size_t row = 0; row < 720; ++row)
    if (random() % 4 == 0) put(first, row, random() % 1000);
  rows.columns.push_back(first);
  const std::size_t one = encode_chunk(rows).size();
  // Others in the same rows: one is constant, one the same, one nearly; then one in other rows, and one of those.
  RowColumn constant = make_column(4, FieldType::kInteger, 720);
  RowColumn same = make_column(5, FieldType::kInteger, 720);
  RowColumn nearly = make_column(6, FieldType::kInteger, 720);
  for (std::size_t row = 0; row < 720; ++row) {
    if (!bit(first.presence, row)) continue;
    put(constant, row, 7);
    put(same, row, first.cells[row]);
    put(nearly, row, first.cells[row] + random() % 2);
  }
  rows.columns.push_back(constant);
  rows.columns.push_back(same);
  EXPECT_LE(encode_chunk(rows).size(), one + 6 + 6);
  rows.columns.push_back(nearly);
  EXPECT_LE(encode_chunk(rows).size(), one + 6 + 6 + 60);
  RowColumn text = make_column(7, FieldType::kString, 720);
  for (std::size_t row = 0; row < 720; row += 5) put(text, row, row % 3 == 0 ? "up" : "down");
  RowColumn number = make_column(8, FieldType::kFloat, 720);
  for (std::size_t row = 0; row < 720; row += 5)
    put(number, row, metric::cell_of(static_cast<double>(random() % 99) / 4));
  rows.columns.push_back(text);
  rows.columns.push_back(number);
  expect_round_trip(rows);
  expect_round_trip(slice(rows, 100, 101));
  expect_round_trip(slice(rows, 100, 140));
}

TEST(ChunkTest, EqualColumnsCostNextToNothingHoweverFewTheirRows) {
  Rows rows = rows_at(6);
  const std::vector<Cell> cells{9'000'000'000, 9'000'004'096, 9'000'004'096,
                                9'000'020'480, 9'000'024'576, 9'000'032'768};
  std::size_t before = 0;
  for (ColumnId id = 0; id < 5; ++id) {
    RowColumn column = make_column(id, FieldType::kInteger, 6);
    for (std::size_t row = 0; row < 6; ++row) put(column, row, cells[row]);
    rows.columns.push_back(std::move(column));
    const std::size_t size = encode_chunk(rows, true).size();
    if (before != 0) {
      EXPECT_LE(size, before + 6);
    }
    before = size;
  }
  expect_round_trip(rows);
}

// Minutes of 12 rows of one column, whose cells are values[i]; of rows where present[i] does not hold there are none.
Rows minutes_of(FieldType type, const std::vector<Cell>& values, const std::vector<bool>& present) {
  Rows rows = rows_at(values.size());
  RowColumn column = make_column(3, type, values.size());
  for (std::size_t row = 0; row < values.size(); ++row)
    if (present[row]) put(column, row, values[row]);
  const Block::ColumnData data{column.cells, column.presence, {}};
  const WindowColumn of{3, type};
  WindowFolder folder(std::span(&of, 1), (1U << kAggregateCount) - 1, kMinuteWidth);
  folder.add(Block{rows.times, std::span(&data, 1)});
  return folder.take();
}

TEST(ChunkTest, WindowsOfACounterAreLittleMoreThanItsSteps) {
  constexpr std::size_t kMinutes = 360;
  std::mt19937_64 random(11);
  std::vector<Cell> counter;
  Cell at = 1'000'000'000;
  for (std::size_t row = 0; row < kMinutes * 12; ++row) counter.push_back(at += 50'000 + random() % 1024);
  const Rows minutes = minutes_of(FieldType::kInteger, counter, std::vector<bool>(counter.size(), true));
  // A step has 10 bits, which is all of a minimum; by itself it would have 12, as a maximum, and a sum 15.
  EXPECT_LT(encode_chunk(minutes, true).size() * 8, kMinutes * (12 + 10 + 14) * 108 / 100);
  EXPECT_LT(encode_chunk(minutes, true).size() + 140, encode_chunk(minutes, false).size());
  expect_round_trip(minutes, true);
}

TEST(ChunkTest, WindowsComeBackWhateverTheirValues) {
  std::mt19937_64 random(12);
  for (int round = 0; round < 60; ++round) {
    const FieldType type = round % 3 == 0   ? FieldType::kFloat
                           : round % 3 == 1 ? FieldType::kInteger
                                            : FieldType::kUnsigned;
    const bool extreme = round % 4 == 3;
    std::vector<Cell> values;
    std::vector<bool> present;
    Cell at = extreme ? static_cast<Cell>(INT64_MAX) - 5'000'000 : 0;
    for (int row = 0; row < 12 * (round + 2); ++row) {
      at += round % 5 == 0 && random() % 50 == 0 ? 0 - at : random() % 100'000;
      values.push_back(type == FieldType::kFloat ? metric::cell_of(static_cast<double>(at % 1'000'000) / 10) : at);
      present.push_back(random() % 10 < static_cast<unsigned>(round % 10) + 1);
    }
    present.back() = true;
    expect_round_trip(minutes_of(type, values, present), true);
  }
}

TEST(ChunkTest, PresenceAtRegularDistancesCostsNextToNothing) {
  Rows rows = rows_at(960);
  RowColumn column = make_column(0, FieldType::kInteger, 960);
  for (std::size_t row = 7; row < 960; row += 30) put(column, row, 1);
  rows.columns.push_back(column);
  EXPECT_LT(encode_chunk(rows).size(), 50U);
  expect_round_trip(rows);
  RowColumn irregular = make_column(1, FieldType::kInteger, 960);
  std::mt19937_64 random(13);
  for (std::size_t row = 0; row < 960; row += 1 + random() % 90) put(irregular, row, 1);
  rows.columns.push_back(irregular);
  expect_round_trip(rows);
}

// What lies behind the checksum holds by itself: whatever is decoded is well formed.
void expect_well_formed_when_damaged(const std::string& bytes, std::mt19937_64& random) {
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = bytes;
    for (std::size_t i = 0, n = 1 + random() % 3; i < n; ++i)
      bad[5 + random() % (round % 2 == 0 ? 60 : bad.size() - 5)] = static_cast<char>(random());
    Result<ChunkReader> chunk = ChunkReader::open(bad, ChunkReader::Verify::kStructureOnly);
    if (!chunk) continue;
    for (std::size_t i = 0; i < chunk->entries().size(); ++i) {
      const std::vector<ColumnId> wanted{chunk->entries()[i].id};
      const Result<Rows> read = chunk->rows(&wanted);
      if (!read) continue;
      const RowColumn* const column = &read->columns.at(0);
      ASSERT_EQ(column->cells.size(), chunk->size());
      for (std::size_t row = 0; column->type == FieldType::kString && row < chunk->size(); ++row)
        ASSERT_LE(column->string(row).size(), column->text.size());
    }
    (void)chunk->times();
  }
}

TEST(ChunkTest, DamageIsFound) {
  Rows rows = rows_at(200);
  std::mt19937_64 random(9);
  for (ColumnId id = 0; id < 5; ++id) {
    RowColumn column = make_column(id, static_cast<FieldType>(id), 200);
    for (std::size_t row = 0; row < 200; ++row) {
      if (column.type == FieldType::kString)
        put(column, row, std::to_string(random() % 30));
      else if (id != 2 || row % 3 != 0)
        put(column, row,
            column.type == FieldType::kFloat ? metric::cell_of(std::sqrt(static_cast<double>(row))) : random() % 2);
    }
    rows.columns.push_back(std::move(column));
  }
  const std::string bytes = encode_chunk(rows);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    EXPECT_EQ(ChunkReader::open(bad).error().kind, ErrorKind::kDamaged) << at;
    EXPECT_FALSE(ChunkReader::open(std::string_view(bytes).substr(0, at)).has_value());
  }
  expect_well_formed_when_damaged(bytes, random);
}

TEST(ChunkTest, DamagedWindowsAreWellFormed) {
  std::mt19937_64 random(14);
  std::vector<Cell> counter;
  std::vector<bool> present;
  Cell at = 0;
  for (std::size_t row = 0; row < 12 * 60; ++row) {
    counter.push_back(at += 4096 * (random() % 50));
    present.push_back(random() % 20 != 0);
  }
  expect_well_formed_when_damaged(encode_chunk(minutes_of(FieldType::kInteger, counter, present), true), random);
}

}  // namespace
}  // namespace resmon::store
