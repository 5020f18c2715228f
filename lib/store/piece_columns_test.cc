#include "store/piece_columns.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/test_rounds.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;

struct Written {
  std::vector<Slot> slots;
  Piece piece;
  std::string scratch;
  PieceEnd end;

  explicit Written(std::vector<FieldType> types) {
    for (const FieldType type : types) slots.push_back({static_cast<ColumnId>(slots.size()), type});
    begin_piece(slots.size(), piece, end);
  }
  void add(UnixNanos time, const SlotRow& row) { append_row(time, row, slots, piece, end, scratch); }
  void add(UnixNanos time, metric::Cell cell) {
    SlotRow row;
    row.begin(slots.size(), {});
    row.set(0, cell);
    add(time, row);
  }
  Piece by_columns() const {
    Piece copy = piece;
    ColumnsScratch kept;
    turn_to_columns(copy, slots, kept);
    return copy;
  }
};

// Each row's values by slot, as text.
std::map<UnixNanos, std::map<std::size_t, std::string>> rows_of(const Piece& piece, std::span<const Slot> slots) {
  std::map<UnixNanos, std::map<std::size_t, std::string>> out;
  PieceRows rows;
  rows.open(piece, slots);
  while (rows.next())
    for (std::size_t slot = 0; slot < piece.slots; ++slot)
      if (rows.has(slot)) out[rows.time()][slot] = text_of(slots[slot].type, rows.row().cells[slot], piece.bytes);
  EXPECT_FALSE(rows.damaged());
  return out;
}

// Rows of all types, some without some of the values, some changed after they were written.
Written random_piece(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<FieldType> types(1 + random() % (seed % 5 == 0 ? 150 : 6));
  for (FieldType& type : types) type = static_cast<FieldType>(random() % metric::kFieldTypeCount);
  Written written(types);
  UnixNanos time = kStart;
  const std::uint64_t rows = 1 + random() % kMaxColumnRows;
  const bool whole = random() % 2 == 0;
  while (written.piece.rows < rows) {
    std::string text;
    SlotRow row;
    row.begin(types.size(), {});
    for (std::size_t slot = 0; slot < types.size(); ++slot) {
      if (!whole && slot > 0 && random() % 3 == 0) continue;
      if (types[slot] == FieldType::kFloat) {
        row.set(slot, metric::cell_of(random() % 3 == 0 ? 1.0 / static_cast<double>(1 + random() % 9)
                                                        : static_cast<double>(random() % 300) / 100));
      } else if (types[slot] == FieldType::kString) {
        const std::string value(random() % 4, 'x');
        text += value;
        row.set(slot, metric::string_cell(text.size() - value.size(), value.size()));
      } else {
        row.set(slot, types[slot] == FieldType::kBoolean ? random() % 2 : random() % 5);
      }
    }
    row.text = text;
    written.add(time, row);
    if (random() % 10 != 0) time += random() % 8 == 0 ? 7 : 5 * kSecond;
  }
  return written;
}

TEST(PieceColumnsTest, SaysWhatThePieceSaidByRows) {
  for (std::uint64_t seed = 1; seed <= test_rounds(100); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Written written = random_piece(seed);
    const Piece columns = written.by_columns();
    ASSERT_TRUE(is_by_columns(columns));
    ASSERT_FALSE(is_by_columns(written.piece));
    ASSERT_EQ(rows_of(columns, written.slots), rows_of(written.piece, written.slots));
    ASSERT_EQ(columns.rows, written.piece.rows);
  }
}

TEST(PieceColumnsTest, AReaderReadsOnePieceAfterTheOther) {
  Written written({FieldType::kInteger});
  for (int i = 0; i < 3; ++i) written.add(kStart + i * kSecond, std::uint64_t{7});
  const Piece piece = written.by_columns();
  PieceRows rows;
  for (int time = 0; time < 2; ++time) {
    rows.open(piece, written.slots);
    int count = 0;
    while (rows.next()) EXPECT_EQ(rows.time(), kStart + count++ * kSecond);
    EXPECT_EQ(count, 3);
  }
}

TEST(PieceColumnsTest, ReadsOneColumnAlone) {
  Written written({FieldType::kFloat, FieldType::kInteger, FieldType::kUnsigned});
  for (int i = 0; i < 5; ++i) {
    SlotRow row;
    row.begin(3, {});
    if (i != 2) row.set(0, metric::cell_of(1.5 * i));
    row.set(1, metric::cell_of(std::int64_t{-i}));
    written.add(kStart + i * kSecond, row);
  }
  const Piece piece = written.by_columns();
  PieceColumns columns;
  ASSERT_TRUE(columns.open(piece, written.slots));
  EXPECT_EQ(std::vector<UnixNanos>(columns.times().begin(), columns.times().end()),
            (std::vector<UnixNanos>{kStart, kStart + kSecond, kStart + 2 * kSecond, kStart + 3 * kSecond,
                                    kStart + 4 * kSecond}));
  PieceColumns::Cells cells;
  std::uint64_t presence = 0;
  ASSERT_TRUE(columns.read(0, cells, presence));
  EXPECT_EQ(presence, 0b11011U);
  EXPECT_EQ(metric::as_float(cells[4]), 6.0);
  ASSERT_TRUE(columns.read(1, cells, presence));
  EXPECT_EQ(presence, 0b11111U);
  EXPECT_EQ(metric::as_integer(cells[3]), -3);
  ASSERT_TRUE(columns.read(2, cells, presence));
  EXPECT_EQ(presence, 0U);
}

TEST(PieceColumnsTest, MoreRowsThanAWordHasBitsStayByRows) {
  Written written({FieldType::kInteger});
  for (std::uint32_t i = 0; i < kMaxColumnRows; ++i) written.add(kStart + i * kSecond, std::uint64_t{i});
  EXPECT_TRUE(is_by_columns(written.by_columns()));
  written.add(kStart + kMaxColumnRows * kSecond, std::uint64_t{kMaxColumnRows});
  EXPECT_FALSE(is_by_columns(written.by_columns()));
}

TEST(PieceColumnsTest, NoRowsStayByRows) {
  const Written written({FieldType::kFloat, FieldType::kString});
  EXPECT_FALSE(is_by_columns(written.by_columns()));
  EXPECT_TRUE(rows_of(written.by_columns(), written.slots).empty());
}

TEST(PieceColumnsTest, TimesAtTheEndsOfTheRange) {
  Written written({FieldType::kInteger});
  for (const UnixNanos time : {INT64_MIN, INT64_MIN + 1, std::int64_t{0}, INT64_MAX - 1}) written.add(time, 1);
  const Piece piece = written.by_columns();
  EXPECT_EQ(rows_of(piece, written.slots), rows_of(written.piece, written.slots));
}

// What stands still takes a few bytes a column; what moves takes what it takes by rows, and four bytes at most.
TEST(PieceColumnsTest, TakesAboutTheSameSpace) {
  Written still({FieldType::kFloat, FieldType::kInteger});
  Written moving({FieldType::kFloat, FieldType::kInteger});
  for (int i = 0; i < 64; ++i) {
    SlotRow row;
    row.begin(2, {});
    row.set(0, metric::cell_of(12.34));
    row.set(1, metric::cell_of(std::int64_t{1'000'000}));
    still.add(kStart + i * kSecond, row);
    row.set(0, metric::cell_of(0.01 * (i * 37 % 100)));
    row.set(1, metric::cell_of(std::int64_t{i}));
    moving.add(kStart + i * kSecond, row);
  }
  EXPECT_LT(still.by_columns().bytes.size(), 30U);
  EXPECT_LT(moving.by_columns().bytes.size(), moving.piece.bytes.size() + 8);
}

// Whatever the bytes: nothing is read past their end, times ascend, and strings are in the bytes.
TEST(PieceColumnsTest, AnyBytesAreReadSafely) {
  for (std::uint64_t seed = 1; seed <= test_rounds(20); ++seed) {
    const Written written = random_piece(seed);
    const Piece good = written.by_columns();
    std::mt19937_64 random(seed);
    for (int change = 0; change < 300; ++change) {
      Piece piece = good;
      if (change % 3 == 0)
        piece.bytes.resize(1 + random() % piece.bytes.size());
      else
        piece.bytes[1 + random() % (piece.bytes.size() - 1)] = static_cast<char>(random());
      if (change % 7 == 0) piece.rows = static_cast<std::uint32_t>(random() % 70);
      piece.bytes.shrink_to_fit();
      PieceRows rows;
      rows.open(piece, written.slots);
      UnixNanos last = INT64_MIN;
      std::uint32_t count = 0;
      while (rows.next()) {
        ASSERT_TRUE(count == 0 || rows.time() > last);
        last = rows.time();
        ASSERT_LE(++count, kMaxColumnRows);
        for (std::size_t slot = 0; slot < written.slots.size(); ++slot) {
          if (!rows.has(slot) || written.slots[slot].type != FieldType::kString) continue;
          const std::string_view text = metric::as_string(rows.row().cells[slot], piece.bytes);
          ASSERT_LE(text.data() + text.size(), piece.bytes.data() + piece.bytes.size());
        }
      }
      EXPECT_TRUE(count == good.rows || rows.damaged() || piece.rows != good.rows);
    }
  }
}

// A column that does not decode costs its values, not those beside it.
TEST(PieceColumnsTest, ADamagedColumnCostsItself) {
  Written written({FieldType::kInteger, FieldType::kInteger});
  for (int i = 0; i < 10; ++i) {
    SlotRow row;
    row.begin(2, {});
    row.set(0, metric::cell_of(std::int64_t{i}));
    row.set(1, metric::cell_of(std::int64_t{2 * i}));
    written.add(kStart + i * kSecond, row);
  }
  Piece piece = written.by_columns();
  piece.bytes.back() = static_cast<char>(0x80);  // a number that does not end
  PieceColumns columns;
  ASSERT_TRUE(columns.open(piece, written.slots));
  PieceColumns::Cells cells;
  std::uint64_t presence = 0;
  EXPECT_FALSE(columns.read(1, cells, presence));
  EXPECT_EQ(presence, 0U);
  ASSERT_TRUE(columns.read(0, cells, presence));
  EXPECT_EQ(metric::as_integer(cells[9]), 9);
  PieceRows rows;
  rows.open(piece, written.slots);
  EXPECT_TRUE(rows.damaged());
  ASSERT_TRUE(rows.next());
  EXPECT_TRUE(rows.has(0));
  EXPECT_FALSE(rows.has(1));
}

}  // namespace
}  // namespace resmon::store
