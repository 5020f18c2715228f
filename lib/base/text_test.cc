#include "base/text.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

TEST(Text, TrimmedTakesBlanksOffBothEndsOnly) {
  EXPECT_EQ(trimmed(" \ta b\t "), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \t "), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("a\r\n"), "a\r\n");
  EXPECT_EQ(trimmed("\r\n a\r\n", " \r\n"), "a");
}

TEST(Text, TheSameWordInAnyCase) {
  EXPECT_TRUE(same_word("gZip", "GzIP"));
  EXPECT_TRUE(same_word("", ""));
  EXPECT_FALSE(same_word("gzip", "gzi"));
  EXPECT_FALSE(same_word("gzi", "gzip"));
  EXPECT_FALSE(same_word("a-z", "a_z"));
  EXPECT_FALSE(same_word("[", "{")) << "letters only";
  EXPECT_FALSE(same_word("@", "`"));
  EXPECT_TRUE(same_word("AZ", "az"));
}

}  // namespace
}  // namespace resmon
