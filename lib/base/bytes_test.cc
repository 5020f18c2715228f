#include "base/bytes.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace resmon {
namespace {

std::string varint(std::uint64_t value) {
  std::string out;
  ByteWriter(out).varint(value);
  return out;
}

// All lengths, each at the end of the input (read byte by byte) and before other bytes (read eight at once).
TEST(Bytes, VarintsOfEachLengthComeBackWhateverFollows) {
  std::vector<std::uint64_t> values{0, 1, 0x7f, 0x80, UINT64_MAX};
  for (unsigned bits = 1; bits < 64; ++bits)
    for (const std::int64_t near : {-1, 0, 1})
      values.push_back((std::uint64_t{1} << bits) + static_cast<std::uint64_t>(near));
  for (const std::uint64_t value : values) {
    const std::string bytes = varint(value);
    for (const std::string& follows :
         {std::string(), std::string("\x80"), std::string(12, '\x00'), std::string(12, '\xff')}) {
      const std::string input = bytes + follows;
      ByteReader reader(input);
      EXPECT_EQ(reader.varint(), value);
      EXPECT_FALSE(reader.failed());
      EXPECT_EQ(reader.remaining(), follows.size()) << value;
    }
  }
}

TEST(Bytes, ARowOfVarintsOfRandomLengthsComesBack) {
  std::mt19937_64 random(1);
  std::vector<std::int64_t> values;
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(static_cast<std::int64_t>(random() >> (random() % 64)));
    ByteWriter(bytes).signed_varint(i % 2 == 0 ? values.back() : values.back() = -values.back());
  }
  ByteReader reader(bytes);
  for (const std::int64_t value : values) ASSERT_EQ(reader.signed_varint(), value);
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Bytes, AVarintThatIsCutOrTooLongFailsAndReadsNothingMore) {
  const std::string cut(3, '\x80');
  const std::string nine = std::string(9, '\x80') + "\x02";  // 65 bits
  const std::string endless(20, '\x80');
  for (const std::string& bytes : {std::string(), cut, nine, endless, nine + std::string(20, '\x01')}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.varint(), 0U);
    EXPECT_TRUE(reader.failed());
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_EQ(reader.u8(), 0U);
  }
}

// A longer form of a small number is valid: a writer may leave room for one that it does not know yet.
TEST(Bytes, ALongerFormOfASmallNumberIsRead) {
  for (std::size_t padding = 0; padding < 9; ++padding) {
    const std::string bytes = "\x85" + std::string(padding, '\x80') + std::string(1, '\0') + "rest";
    ByteReader reader(bytes);
    EXPECT_EQ(reader.varint(), 5U) << padding;
    EXPECT_EQ(reader.rest(), "rest");
  }
}

TEST(Bytes, TextLongerThanTheInputFails) {
  const std::string bytes = varint(5) + "four";
  ByteReader reader(bytes);
  EXPECT_EQ(reader.text(), "");
  EXPECT_TRUE(reader.failed());
}

}  // namespace
}  // namespace resmon
