// The work of reading a query's text and parameters grows with their length and no faster, whatever is in them.

#include <gtest/gtest.h>

#include "base/test_linear.h"
#include "influxql/parse/params.h"
#include "influxql/parse/parser.h"

namespace resmon::influxql {
namespace {

struct Shape {
  const char* begin;
  const char* piece;
  const char* end;
};

std::string of(const Shape& shape, std::size_t most_bytes, const std::function<void(const std::string&)>& parse) {
  return test::not_linear(
      most_bytes / std::string(shape.piece).size(),
      [&](std::size_t n) { return test::repeated(shape.begin, shape.piece, n, shape.end); }, parse);
}

TEST(Linear, QueryTexts) {
  const std::size_t most = ParseLimits().text_bytes - 100;
  for (const Shape& shape : {Shape{"", "SELECT a FROM b;", ""},
                             {"", "SELECT a FROM b\n;\n", ""},
                             {"", ";", ""},
                             {"", "\n", ""},
                             {"", " ", ""},
                             {"", "x", ""},
                             {"", "X ", ""},
                             {"SELECT ", "(", ""},
                             {"SELECT ", "a,", "a FROM b"},
                             {"SELECT a FROM ", "b,", "b"},
                             {"SELECT a FROM ", "\"b\".", "b"},
                             {"SELECT ", "f(", ""},
                             {"SELECT a", "+a", " FROM b"},
                             {"SELECT a", "-", " FROM b"},
                             {"SELECT a FROM b WHERE a=1", " AND a=1", ""},
                             {"SELECT a FROM b WHERE a=1", " OR (a=1)", ""},
                             {"SELECT a FROM b WHERE a=~/x/", " OR a=~/x/", ""},
                             {"SELECT a FROM b WHERE a=~/", "\\/", "/"},
                             {"SELECT a FROM b WHERE a=~/", "(a|", "/"},
                             {"SELECT a FROM b WHERE a=~/", "a{2}", "/"},
                             {"SELECT a FROM b WHERE a='", "x", "'"},
                             {"SELECT a FROM b WHERE a='", "\\'", "'"},
                             {"SELECT a FROM b WHERE a='", "\\'", ""},
                             {"SELECT a FROM b WHERE a='", "\n", ""},
                             {"SELECT \"", "\\\"", ""},
                             {"SELECT \"", "\\n", "\" FROM b"},
                             {"SELECT a FROM b WHERE a=", "9", ""},
                             {"SELECT a FROM b WHERE a=0.", "9", ""},
                             {"SELECT a FROM b WHERE time > ", "1h", ""},
                             {"SELECT a FROM b GROUP BY ", "a,", "a"},
                             {"SELECT a FROM b WHERE a=", "$a", ""},
                             {"", "-- x\n", ""},
                             {"", "--", ""},
                             {"", "/*", ""},
                             {"", "/* */", ""},
                             {"/*", "*", ""},
                             {"SELECT * FROM (", "SELECT * FROM (", ""},
                             {"SELECT a::", "a::", ""}})
    EXPECT_EQ(of(shape, most, [](const std::string& text) { (void)parse(text).has_value(); }), "")
        << shape.begin << "|" << shape.piece;
}

TEST(Linear, QueryParameters) {
  for (const Shape& shape : {Shape{"", "[", ""},
                             {"", "{\"a\":", ""},
                             {"{", "\"a\":1,", "\"a\":1}"},
                             {"{\"a\":\"", "\\u0041", "\"}"},
                             {"{\"a\":\"", "\\", ""},
                             {"{\"a\":", "9", "}"},
                             {"{\"a\":0.", "9", "}"},
                             {"", " ", ""}})
    EXPECT_EQ(of(shape, 1U << 20U, [](const std::string& text) { (void)parse_params(text).has_value(); }), "")
        << shape.begin << "|" << shape.piece;
}

}  // namespace
}  // namespace resmon::influxql
