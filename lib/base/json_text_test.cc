#include "base/json_text.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_json_escaped(out, text);
  return out;
}

TEST(JsonTextTest, EscapesWhatJsonNeeds) {
  EXPECT_EQ(escaped("a\"b\\c\n\r\t\x01\x7f"), "a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f");
}

TEST(JsonTextTest, EscapesAllThatIsNotPrintable) {
  // The terminal's CSI, the separators, what turns text around, what is not seen.
  EXPECT_EQ(escaped("a\xc2\x9b"
                    "2Jb"),
            "a\\u009b2Jb");
  EXPECT_EQ(escaped("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
  EXPECT_EQ(escaped("\xe2\x80\xaetxt\xe2\x81\xa6\xe2\x81\xa9"), "\\u202etxt\\u2066\\u2069");
  EXPECT_EQ(escaped("\xe2\x80\x8b\xef\xbb\xbf\xc2\xad"), "\\u200b\\ufeff\\u00ad");
  EXPECT_EQ(escaped("\xf3\xa0\x80\x81"), "\\udb40\\udc01");  // a tag character
}

TEST(JsonTextTest, ATerminalSeesQuotesAsTheyAre) {
  EXPECT_EQ(printable("say \"a\\b\"\n\x1b[2J\xc2\x9b gr\xc3\xbc\xc3\x9f \xff"),
            "say \"a\\b\"\\n\\u001b[2J\\u009b gr\xc3\xbc\xc3\x9f \xef\xbf\xbd");
}

TEST(JsonTextTest, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(escaped("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
  for (const char* bad : {"\xe9", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_EQ(escaped(bad).substr(0, 3), "\xef\xbf\xbd") << bad;
  EXPECT_EQ(escaped("a\xe9z"), "a\xef\xbf\xbdz");
}

}  // namespace
}  // namespace resmon
