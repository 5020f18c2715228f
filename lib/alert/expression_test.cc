#include "alert/expression.h"

#include <gtest/gtest.h>

namespace resmon::alert {
namespace {

struct BadCase {
  const char* text;
  std::size_t at;
  const char* reason;
};

class BadExpressionTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadExpressionTest, NamesThePlace) {
  const ParsedCondition parsed = parse_condition(GetParam().text);
  ASSERT_FALSE(parsed.ok) << GetParam().text;
  EXPECT_EQ(parsed.error.at, GetParam().at) << parsed.error.reason;
  EXPECT_NE(parsed.error.reason.find(GetParam().reason), std::string::npos) << parsed.error.reason;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadExpressionTest,
    ::testing::Values(
        BadCase{"", 0, "empty"}, BadCase{"disk", 4, "expected '.'"}, BadCase{"disk.", 5, "a field"},
        BadCase{"disk.used > ", 12, "a number"}, BadCase{"disk.used", 9, "comparison"},
        BadCase{"meen(disk.used, 5m) > 1", 0, "did you mean mean?"}, BadCase{"mean(disk.used) > 1", 14, "a span"},
        BadCase{"mean(disk.used, 5x) > 1", 16, "span of time"}, BadCase{"forecast(disk.free, 1h) < 2h", 20, "1d"},
        BadCase{"logs('x') > 20", 14, "expected 'in'"}, BadCase{"logs('a b:\"') > 20 in 5m", 5, "query of lines"},
        BadCase{"logs('x') > 20% in 5m", 15, "a number"}, BadCase{"logs('x _time:5m') > 20 in 5m", 5, "behind 'in'"},
        BadCase{"logs('x') > 20 in 5d", 0, "24h"}, BadCase{"logs(x) > 20 in 5m", 5, "in quotes"},
        BadCase{"disk{path=\"/}.used > 1", 22, "closing quote"}, BadCase{"disk{path=/}.used > 1", 10, "double quotes"},
        BadCase{"disk.used > 1 disk.free < 2", 14, "'and', 'or'"},
        BadCase{"disk.used / mem.total > 1", 12, "same series"},
        BadCase{"((((((((( disk.used > 1 )))))))))", 8, "deeper"}, BadCase{"disk.used > \"x\"", 15, "== or !="},
        BadCase{"disk.used absent 5m", 17, "'for'"}, BadCase{"replaced(disk.used) == 1", 18, "the tag"}));

TEST(ExpressionTest, ReadsAllForms) {
  const ParsedCondition parsed = parse_condition(
      R"(mean(pressure{resource="cpu|io",type!="some*"}.avg60, 5m) > 20% and (system.load5 / system.n_cpus >= 4 or mem.used < 1.5GiB))");
  ASSERT_TRUE(parsed.ok) << parsed.error.reason;
  const Condition& when = parsed.condition;
  ASSERT_EQ(when.comparisons.size(), 3U);
  EXPECT_EQ(when.operands.size(), 4U);
  EXPECT_EQ(when.operands[0].function, Function::kMean);
  EXPECT_EQ(when.operands[0].window, std::chrono::minutes(5));
  EXPECT_EQ(when.comparisons[0].limit, 20);
  EXPECT_EQ(when.comparisons[1].divisor, 2);
  EXPECT_EQ(when.comparisons[2].limit, 1.5 * 1073741824);
  EXPECT_TRUE(when.operands[0].selector.matches({{"resource", "io"}, {"type", "full"}}));
  EXPECT_FALSE(when.operands[0].selector.matches({{"resource", "io"}, {"type", "some"}}));
  EXPECT_FALSE(when.operands[0].selector.matches({{"resource", "memory"}, {"type", "full"}}));
  EXPECT_EQ(when.nodes.back().kind, ConditionNode::Kind::kAnd);
}

TEST(ExpressionTest, ReadsAbsenceSilenceAndTexts) {
  EXPECT_TRUE(parse_condition("host silent").ok);
  const ParsedCondition absent = parse_condition("mem.used absent for 5m");
  ASSERT_TRUE(absent.ok);
  EXPECT_EQ(absent.condition.comparisons[0].limit, 300);
  const ParsedCondition text = parse_condition(R"(docker.state != "run\"ning")");
  ASSERT_TRUE(text.ok);
  EXPECT_EQ(text.condition.comparisons[0].text, "run\"ning");
  EXPECT_TRUE(parse_condition("host.silent > 1").ok);  // a measurement that is called host
}

TEST(ExpressionTest, CountsLinesOfLogs) {
  const ParsedCondition parsed = parse_condition(R"(logs('unit:sshd "Failed password"') > 20 in 5m)");
  ASSERT_TRUE(parsed.ok) << parsed.error.reason;
  const Operand& lines = parsed.condition.operands[0];
  EXPECT_EQ(lines.function, Function::kLogs);
  EXPECT_EQ(lines.query, R"(unit:sshd "Failed password")");
  EXPECT_EQ(lines.window, std::chrono::minutes(5));
  EXPECT_EQ(parsed.condition.comparisons[0].limit, 20);
  EXPECT_TRUE(parse_condition(R"(logs("unit:sshd \"Failed password\"") >= 1 in 1h and cpu.usage > 5)").ok);
  EXPECT_TRUE(parse_condition("logs.used > 5").ok);  // a measurement that is called logs
}

TEST(ExpressionTest, SpansMayHaveABlank) {
  const ParsedCondition parsed = parse_condition("logs(\"unit:sshd\") >= 20 in 5 m");
  ASSERT_TRUE(parsed.ok) << parsed.error.reason;
  EXPECT_EQ(parsed.condition.operands[0].window, std::chrono::minutes(5));
  EXPECT_TRUE(parse_condition("logs(\"a\") >= 1 in 1 h and cpu.usage > 5").ok);
  EXPECT_FALSE(parse_condition("logs(\"a\") >= 1 in 1 and cpu.usage > 5").ok);
}

TEST(ExpressionTest, LimitsHaveUnits) {
  double value = 0;
  std::string unit;
  EXPECT_TRUE(parse_limit("24h", value, unit) && value == 86400);
  EXPECT_TRUE(parse_limit("1h30m", value, unit) && value == 5400);
  EXPECT_TRUE(parse_limit("-3", value, unit) && value == -3);
  EXPECT_TRUE(parse_limit("4MiB", value, unit) && value == 4194304);
  EXPECT_FALSE(parse_limit("x", value, unit));
  EXPECT_FALSE(parse_limit("", value, unit));
  EXPECT_FALSE(parse_limit("1e999", value, unit));
  EXPECT_FALSE(parse_limit("inf", value, unit));
}

TEST(ExpressionTest, PatternsAreLinear) {
  EXPECT_TRUE(matches_pattern("eth0", "eth*"));
  EXPECT_TRUE(matches_pattern("", "*"));
  EXPECT_FALSE(matches_pattern("eth0", "eth"));
  EXPECT_TRUE(matches_pattern("abcabd", "*abd"));
  EXPECT_FALSE(matches_pattern(std::string(5000, 'a'), "*a*a*a*a*a*a*a*a*b"));
}

}  // namespace
}  // namespace resmon::alert
