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

}  // namespace
}  // namespace resmon
