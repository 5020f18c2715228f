#include "base/utf8.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

std::string utf8(std::uint32_t code) {
  std::string out;
  append_utf8(code, out);
  return out;
}

TEST(Utf8, HasOneToFourBytes) {
  EXPECT_EQ(utf8(0x7f), "\x7f");
  EXPECT_EQ(utf8(0x80), "\xc2\x80");
  EXPECT_EQ(utf8(0x7ff), "\xdf\xbf");
  EXPECT_EQ(utf8(0x800), "\xe0\xa0\x80");
  EXPECT_EQ(utf8(0xffff), "\xef\xbf\xbf");
  EXPECT_EQ(utf8(0x10000), "\xf0\x90\x80\x80");
  EXPECT_EQ(utf8(0x10ffff), "\xf4\x8f\xbf\xbf");
}

TEST(Utf8, WhatIsNoCharacterIsReplaced) {
  EXPECT_EQ(utf8(0xd7ff), "\xed\x9f\xbf");
  EXPECT_EQ(utf8(0xe000), "\xee\x80\x80");
  for (const std::uint32_t code : {0xd800U, 0xdfffU, 0x110000U, 0xffffffffU}) EXPECT_EQ(utf8(code), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace resmon
