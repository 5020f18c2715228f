#include "store/presence.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "store/rows.h"

namespace resmon::store {
namespace {

PresenceBits bits_where(std::size_t rows, const std::function<bool(std::size_t)>& has) {
  PresenceBits bits((rows + 63) / 64);
  for (std::size_t row = 0; row < rows; ++row)
    if (has(row)) set_bit(bits, row);
  return bits;
}

// The code's length.
std::size_t expect_back(const PresenceBits& bits, std::size_t rows) {
  std::string code;
  put_presence(bits, rows, code);
  const std::size_t size = code.size();
  code += "rest";
  ByteReader reader(code);
  PresenceBits back;
  std::size_t present = 0;
  EXPECT_TRUE(get_presence(reader, rows, back, present));
  EXPECT_EQ(back, bits);
  std::size_t expected = 0;
  for (std::size_t row = 0; row < rows; ++row) expected += bit(bits, row) ? 1U : 0U;
  EXPECT_EQ(present, expected);
  EXPECT_EQ(reader.rest(), "rest");
  ByteReader passing(code);
  pass_presence(passing, rows);
  EXPECT_EQ(passing.rest(), "rest");
  return size;
}

TEST(PresenceTest, WholePresenceHasNoBitBeyondTheLastRow) {
  for (const std::size_t rows : std::initializer_list<std::size_t>{1, 63, 64, 65, 1000})
    EXPECT_EQ(whole_presence(rows), bits_where(rows, [](std::size_t) { return true; })) << rows;
}

TEST(PresenceTest, EveryPatternComesBackInTheShortestForm) {
  std::mt19937 random(15);
  for (const std::size_t rows : std::initializer_list<std::size_t>{1, 7, 64, 100, 1000}) {
    expect_back(whole_presence(rows), rows);
    expect_back(PresenceBits((rows + 63) / 64), rows);
    // Without a pattern it is the bits and one byte.
    EXPECT_LE(expect_back(bits_where(rows, [&](std::size_t) { return random() % 2 == 0; }), rows), 1 + (rows + 7) / 8);
  }
  EXPECT_LE(expect_back(bits_where(1000, [](std::size_t row) { return row >= 300 && row < 900; }), 1000), 7U);
  EXPECT_LE(expect_back(bits_where(1000, [](std::size_t row) { return row % 10 == 0; }), 1000), 30U);
}

TEST(PresenceTest, NoBytesAreTakenForMoreRowsThanThereAre) {
  std::mt19937 random(16);
  for (int i = 0; i < 20'000; ++i) {
    std::string code;
    for (auto length = random() % 12; length > 0; --length) code.push_back(static_cast<char>(random() % 24));
    const std::size_t rows = random() % 200 + 1;
    ByteReader reader(code);
    PresenceBits bits;
    std::size_t present = 0;
    if (!get_presence(reader, rows, bits, present)) continue;
    ASSERT_LE(present, rows);
    std::string again;
    put_presence(bits, rows, again);
    ByteReader second(again);
    PresenceBits back;
    ASSERT_TRUE(get_presence(second, rows, back, present));
    ASSERT_EQ(back, bits);
  }
}

}  // namespace
}  // namespace resmon::store
