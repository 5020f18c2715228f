#include "influxql/parse/parser.h"

#include <gtest/gtest.h>

namespace resmon::influxql {
namespace {

std::string error_of(std::string_view text, const Parameters& params = {}, const ParseLimits& limits = {}) {
  auto parsed = parse(text, params, limits);
  return parsed ? "" : parsed.error().message;
}

// The only statement of the text, a SELECT.
Select select_of(std::string_view text, const Parameters& params = {}) {
  auto parsed = parse(text, params);
  EXPECT_TRUE(parsed.has_value()) << text << ": " << parsed.error().message;
  if (!parsed || parsed->size() != 1 || !std::holds_alternative<Select>(parsed->front())) return {};
  return std::get<Select>(parsed->front());
}

// Every wording below is what Debian's influxd 1.6.7 answers; tests/oracle asks it for many more.
TEST(Parser, ErrorsSayWhatWasFoundExpectedAndWhere) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"SELECT mean FROM", "found EOF, expected identifier at line 1, char 18"},
      {"SELECT", "found EOF, expected identifier, string, number, bool at line 1, char 8"},
      {"SELECT a b FROM c", "found b, expected FROM at line 1, char 10"},
      {"SELECT a\nFROM b\n  LIMIT x", "found x, expected integer at line 3, char 9"},
      {"SELECT a FROM b WHERE a =~ 3", "found 3, expected regex at line 1, char 28"},
      {"SELECT a FROM b WHERE a = 'x", "found x, expected identifier, string, number, bool at line 1, char 26"},
      {"SELECT a = 1 FROM b",
       "invalid operator = in SELECT clause at line 1, char 8; operator is intended for WHERE clause"},
      {"SHOW TAG", "found EOF, expected KEY, KEYS, VALUES at line 1, char 10"},
      {"X",
       "found X, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL at line 1, "
       "char 1"},
      {"SELECT a FROM b ORDER BY x", "only ORDER BY time supported at this time"},
      {"SELECT a FROM b WHERE a = $x", "missing parameter: x"},
  };
  for (const auto& [text, want] : rows) EXPECT_EQ(error_of(text), want) << text;
}

TEST(Parser, PrecedenceAndParenthesesShapeTheTree) {
  const auto shape = [](std::string_view condition) {
    const Select select = select_of("SELECT a FROM b WHERE " + std::string(condition));
    const std::function<std::string(const Expr&)> walk = [&](const Expr& expr) -> std::string {
      if (!expr.is(Expr::Kind::kBinary)) return expr.is(Expr::Kind::kParen) ? walk(expr.left()) : to_string(expr);
      return "(" + walk(expr.left()) + std::string(token_name(expr.op)) + walk(expr.right()) + ")";
    };
    return walk(*select.condition);
  };
  EXPECT_EQ(shape("a = 1 OR b = 2 AND c = 3"), "((a=1)OR((b=2)AND(c=3)))");
  EXPECT_EQ(shape("(a = 1 OR b = 2) AND c = 3"), "(((a=1)OR(b=2))AND(c=3))");
  EXPECT_EQ(shape("a - b - c * d > 1"), "(((a-b)-(c*d))>1)");
  EXPECT_EQ(shape("a | b & c = d"), "((a|(b&c))=d)");
  EXPECT_EQ(shape("-a + b < -5"), "(((-1*a)+b)<-5)");
}

TEST(Parser, QuotingEscapesAndComments) {
  const Select select =
      select_of("SELECT \"a \\\"b\\\"\" FROM \"m\\n\" -- all of it\n WHERE c /* no */ = 'it\\'s' AND d =~ /a\\/b/");
  EXPECT_EQ(select.fields.at(0).expr->name, "a \"b\"");
  EXPECT_EQ(select.sources.at(0).name, "m\n");
  EXPECT_EQ(to_string(*select.condition), "c = 'it\\'s' AND d =~ /a\\/b/");
}

TEST(Parser, ReadsEveryClause) {
  const Select select = select_of(
      "SELECT mean(v) AS m, x::tag, *::field FROM db.autogen.cpu, /^m/, (SELECT v FROM w) WHERE time > now() - 1h30m "
      "GROUP BY time(5m, -90s), host, /x/, * fill(-1.5) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 "
      "tz('Europe/Berlin')");
  EXPECT_EQ(select.fields.size(), 3U);
  EXPECT_EQ(select.fields[0].alias, "m");
  EXPECT_EQ(select.fields[1].expr->type, DataType::kTag);
  ASSERT_EQ(select.sources.size(), 3U);
  EXPECT_EQ(select.sources[0].database + "." + select.sources[0].retention_policy, "db.autogen");
  EXPECT_TRUE(select.sources[1].regex->matches("mem"));
  EXPECT_EQ(select.sources[2].subquery->sources.at(0).name, "w");
  EXPECT_EQ(to_string(*select.condition), "time > now() - 90m");
  EXPECT_EQ(select.dimensions.size(), 4U);
  EXPECT_EQ(select.fill, Fill::kNumber);
  EXPECT_DOUBLE_EQ(select.fill_value->number, -1.5);
  EXPECT_FALSE(select.ascending);
  EXPECT_EQ(select.limit * 1000 + select.offset * 100 + select.series_limit * 10 + select.series_offset, 1234);
  EXPECT_EQ(select.zone, "Europe/Berlin");
}

TEST(Parser, ParametersStandForTypedValues) {
  const Parameters params = {
      {"host", std::string("a' OR 'b")}, {"n", std::int64_t{5}}, {"f", 0.25}, {"d", Duration{"90s"}},
      {"id", Identifier{"my field"}},    {"re", RegexText{"^w"}}};
  const Select select = select_of(
      "SELECT $id FROM m WHERE host = $host AND v > $n AND v < $f AND t =~ $re AND time > now() - $d", params);
  EXPECT_EQ(select.fields.at(0).expr->name, "my field");
  EXPECT_EQ(to_string(*select.condition),
            "host = 'a\\' OR \\'b' AND v > 5 AND v < 0.250 AND t =~ /^w/ AND time > now() - 90s");
}

TEST(Parser, StatementsAreSeparatedBySemicolons) {
  EXPECT_EQ(parse(" ; SHOW DATABASES;;SHOW SERIES ; ")->size(), 2U);
  EXPECT_EQ(error_of("SHOW DATABASES SHOW SERIES"), "found SHOW, expected ; at line 1, char 16");
}

TEST(Parser, IsBounded) {
  const std::string deep(100'000, '(');
  EXPECT_EQ(error_of("SELECT a FROM b WHERE " + deep), "query nests too deeply");
  std::string subqueries = "SELECT a FROM ";
  for (int i = 0; i < 5000; ++i) subqueries += "(SELECT a FROM ";
  EXPECT_EQ(error_of(subqueries), "query nests too deeply");
  std::string calls = "SELECT ";
  for (int i = 0; i < 5000; ++i) calls += "f(";
  EXPECT_EQ(error_of(calls), "query nests too deeply");
  std::string wide = "SELECT a FROM b WHERE a = 1";
  for (int i = 0; i < 5000; ++i) wide += " OR a = 1";
  EXPECT_EQ(error_of(wide), "query has more than 4000 expressions");
  EXPECT_EQ(error_of(std::string(300'000, ' ')), "query is longer than 262144 bytes");
}

TEST(Parser, TakesAnyBytes) {
  for (const std::string& text :
       {std::string("SELECT \xff FROM b"), std::string("SELECT a\0b", 10), std::string("\xe2\x82"),
        std::string("SELECT 'a\x01' FROM b"), std::string("SELECT a FROM b WHERE a =~ /\xff/")}) {
    EXPECT_NE(error_of(text), "never this") << text;
  }
}

}  // namespace
}  // namespace resmon::influxql
