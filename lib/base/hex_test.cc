#include "base/hex.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

TEST(Hex, TwoDigitsForEachByte) {
  EXPECT_EQ(hex_text(std::string_view("\x00\x0f\xa5\xff", 4)), "000fa5ff");
  EXPECT_EQ(hex_text(std::string_view()), "");
  const unsigned char bytes[] = {0x10, 0x02};
  EXPECT_EQ(hex_text(bytes), "1002");
}

TEST(Hex, DigitsOfBothCasesAreRead) {
  EXPECT_EQ(hex_value('0'), 0);
  EXPECT_EQ(hex_value('9'), 9);
  EXPECT_EQ(hex_value('a'), 10);
  EXPECT_EQ(hex_value('f'), 15);
  EXPECT_EQ(hex_value('A'), 10);
  EXPECT_EQ(hex_value('F'), 15);
  for (const char c : {'/', ':', '@', 'G', '`', 'g', '\0', ' '}) EXPECT_EQ(hex_value(c), -1) << c;
}

TEST(Hex, BytesAreReadBack) {
  std::string out = "x";
  EXPECT_TRUE(append_from_hex("00ff7Fa0", out));
  EXPECT_EQ(out, std::string("x\0\xff\x7f\xa0", 5));
  for (const char* wrong : {"0", "0g", "g0", "00 1"}) {
    std::string left;
    EXPECT_FALSE(append_from_hex(wrong, left)) << wrong;
  }
  std::string none;
  EXPECT_TRUE(append_from_hex("", none));
  EXPECT_EQ(none, "");
}

}  // namespace
}  // namespace resmon
