#include "program/help_text.h"

#include <gtest/gtest.h>

namespace resmon::program {
namespace {

TEST(HelpText, BreaksLongLinesAtSpaces) {
  struct Case {
    const char* text;
    std::size_t columns;
    const char* want;
  };
  const Case cases[] = {
      {"", 10, ""},
      {"short", 10, "short"},
      {"one two three", 13, "one two three"},
      {"one two three", 12, "one two\nthree"},
      {"one two three four", 8, "one two\nthree\nfour"},
      {"  run it      with many words", 16, "  run it\n      with many\n      words"},
      {"unbreakablyLong word", 6, "unbreakablyLong\nword"},
      {"unbreakablyLong", 6, "unbreakablyLong"},
      {"ends in spaces   ", 14, "ends in spaces   "},
      {"äöü äöü", 7, "äöü äöü"},  // characters, not bytes
      {"äöü äöü", 6, "äöü\näöü"},
      {"first\nsecond line\n", 8, "first\nsecond\nline\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(wrapped(c.text, c.columns), c.want) << '"' << c.text << "\" in " << c.columns;
}

}  // namespace
}  // namespace resmon::program
