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

TEST(JsonTextTest, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(escaped("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
  for (const char* bad : {"\xe9", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_EQ(escaped(bad).substr(0, 3), "\xef\xbf\xbd") << bad;
  EXPECT_EQ(escaped("a\xe9z"), "a\xef\xbf\xbdz");
}

}  // namespace
}  // namespace resmon
