#include "base/natural_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace resmon {
namespace {

TEST(NaturalOrder, DigitsAreNumbersAndCaseDoesNotMatter) {
  const std::vector<std::string> ordered = {"",
                                            "db",
                                            "load-1",
                                            "load-2",
                                            "Load-3",
                                            "load-10",
                                            "load-10a",
                                            "load-11",
                                            "web",
                                            "web1.b2",
                                            "web1.b10",
                                            "web01.c",
                                            "web12345678901234567890",
                                            "z"};
  std::vector<std::string> names = ordered;
  std::reverse(names.begin(), names.end());
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, ordered);
}

TEST(NaturalOrder, IsStrict) {
  const std::vector<std::string> names = {"a1", "A1", "a01", "a001b", "a1b", "1", "01", "a", "aa", "\xff", "a-", "a0"};
  for (const std::string& a : names) {
    EXPECT_FALSE(natural_less(a, a)) << a;
    for (const std::string& b : names) {
      if (a != b) {
        EXPECT_NE(natural_less(a, b), natural_less(b, a)) << a << ' ' << b;
      }
      for (const std::string& c : names)
        if (natural_less(a, b) && natural_less(b, c)) {
          EXPECT_TRUE(natural_less(a, c)) << a << ' ' << b << ' ' << c;
        }
    }
  }
}

}  // namespace
}  // namespace resmon
