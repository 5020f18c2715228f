#include "influxql/parse/regex.h"

#include <gtest/gtest.h>

#include <string>

namespace resmon::influxql {
namespace {

std::string prefix_of(std::string_view pattern) {
  const auto regex = Regex::compile(pattern);
  return regex ? (*regex)->prefix() : "no regular expression";
}

TEST(Regex, KnowsHowEveryTextBeginsThatMatches) {
  EXPECT_EQ(prefix_of("^db"), "db");
  EXPECT_EQ(prefix_of("^db-[0-9]+$"), "db-");
  EXPECT_EQ(prefix_of("^db[|]1"), "db|1");
  EXPECT_EQ(prefix_of("^db\\|1"), "db|1");
  EXPECT_EQ(prefix_of("^ab[]|b]c"), "ab");
  EXPECT_EQ(prefix_of("^(web|wiki)-1$"), "w");
  EXPECT_EQ(prefix_of("^svc-[135]-.*(07|[2-4]9)\\.service$"), "svc-");
}

TEST(Regex, KnowsNoBeginningWhereTextsMayDiffer) {
  for (const char* pattern :
       {"db", "db$", "^(a|b)$", "^.*b", "(?i)^db", "^(|ab)", "", "^ab|db", "^ab|abc", "^a[]]|ab", "^*db", "^?ab",
        "^{0}db", "^a[]|(]|db", "^a\\(|db", "^\\Qa(\\E|db", "^a[^]|(]|db", "^(?i:AB)"}) {
    const auto regex = Regex::compile(pattern);
    ASSERT_TRUE(regex) << pattern;
    for (const char* text : {"db", "xdb", "a", "b", "DB", "az", "ab", "xab", "xabc", "a(", ""})
      EXPECT_TRUE(!(*regex)->matches(text) || std::string_view(text).starts_with((*regex)->prefix())) << pattern;
  }
}

}  // namespace
}  // namespace resmon::influxql
