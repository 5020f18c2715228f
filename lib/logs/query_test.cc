#include "logs/query.h"

#include <gtest/gtest.h>

namespace resmon::logs {
namespace {

bool finds(std::string_view query, std::string_view message, std::string_view unit = "sshd.service",
           logline::Level level = logline::Level::kInfo) {
  const auto parsed = Query::parse(query);
  EXPECT_TRUE(parsed) << query << ": " << (parsed ? "" : parsed.error().message);
  if (!parsed) return false;
  const logline::Field fields[] = {{"user", "Bob Smith"}, {"status", "404"}};
  logline::Line line;
  line.message = message;
  line.unit = unit;
  line.level = level;
  line.pid = 4711;
  line.fields = fields;
  return parsed->matches("web1", "system", line);
}

TEST(Query, WordsAreWholeWordsInAnyCase) {
  EXPECT_TRUE(finds("", "anything"));
  EXPECT_TRUE(finds("*", "anything"));
  EXPECT_TRUE(finds("ERROR", "an error came"));
  EXPECT_TRUE(finds("error came", "an Error has CAME"));
  EXPECT_FALSE(finds("error went", "an error came"));
  EXPECT_FALSE(finds("err", "an error came"));
  EXPECT_TRUE(finds("err*", "an error came"));
  EXPECT_FALSE(finds("rror*", "an error came"));
  EXPECT_TRUE(finds("10.0.0.7", "from 10.0.0.7 port 22"));
  EXPECT_FALSE(finds("10.0.0.7", "from 10.0.0.71 port 22"));
  EXPECT_TRUE(finds("uid=0", "logname= uid=0 euid=0"));
  EXPECT_TRUE(finds("\xc3\xa4rger", "viel \xc3\xa4rger"));
  EXPECT_FALSE(finds("rger", "viel \xc3\xa4rger"));
}

TEST(Query, PhrasesNotOrAndParentheses) {
  EXPECT_TRUE(finds("\"connection refused\"", "Connection refused by peer"));
  EXPECT_FALSE(finds("\"connection refused\"", "connection was refused"));
  EXPECT_TRUE(finds("\"say \\\"hi\\\"\"", "to say \"hi\" to all"));
  EXPECT_TRUE(finds("\"connection ref\"*", "connection refused"));
  EXPECT_FALSE(finds("connection -refused", "connection refused"));
  EXPECT_FALSE(finds("connection NOT refused", "connection refused"));
  EXPECT_FALSE(finds("connection !refused", "connection refused"));
  EXPECT_TRUE(finds("--refused", "refused"));
  EXPECT_TRUE(finds("a OR b c", "a"));  // AND binds closer
  EXPECT_FALSE(finds("(a OR b) c", "a"));
  EXPECT_TRUE(finds("(a OR b) c", "b c"));
  EXPECT_TRUE(finds("a AND b", "b a"));
  EXPECT_TRUE(finds("-(a OR b)", "c"));
}

TEST(Query, FieldsAndNames) {
  EXPECT_TRUE(finds("host:web1", ""));
  EXPECT_TRUE(finds("host:WEB*", ""));
  EXPECT_FALSE(finds("host:web", ""));
  EXPECT_TRUE(finds("source:sys*", ""));
  EXPECT_TRUE(finds("unit:sshd", ""));
  EXPECT_TRUE(finds("unit:sshd.service", ""));
  EXPECT_TRUE(finds("unit:ssh*", ""));
  EXPECT_FALSE(finds("unit:ssh", ""));
  EXPECT_TRUE(finds("unit:access.log", "", "/var/log/nginx/access.log"));
  EXPECT_TRUE(finds("pid:4711", ""));
  EXPECT_TRUE(finds("status:404", ""));
  EXPECT_FALSE(finds("status:40", ""));
  EXPECT_TRUE(finds("user:bob", ""));
  EXPECT_TRUE(finds("user:\"bob smith\"", ""));
  EXPECT_TRUE(finds("user:=\"Bob Smith\"", ""));
  EXPECT_FALSE(finds("user:=Bob", ""));
  EXPECT_TRUE(finds("user:~\"^Bob\"", ""));
  EXPECT_TRUE(finds("user:*", ""));
  EXPECT_FALSE(finds("group:*", ""));
  EXPECT_TRUE(finds("smith", "fields are searched, too"));
  EXPECT_FALSE(finds("message:smith", "only the message"));
  EXPECT_TRUE(finds("{host=\"web1\",source=~\"sys.*\"}", ""));
  EXPECT_FALSE(finds("{host!=\"web1\"}", ""));
}

TEST(Query, Levels) {
  using logline::Level;
  EXPECT_TRUE(finds("level:error", "", "", Level::kError));
  EXPECT_FALSE(finds("level:error", "", "", Level::kWarning));
  EXPECT_TRUE(finds("level:>=warn", "", "", Level::kError));
  EXPECT_TRUE(finds("level:>=warn", "", "", Level::kWarning));
  EXPECT_FALSE(finds("level:>=warn", "", "", Level::kNotice));
  EXPECT_FALSE(finds("level:>=debug", "", "", Level::kNone));
  EXPECT_TRUE(finds("level:<info", "", "", Level::kDebug));
  EXPECT_TRUE(finds("level:none", "", "", Level::kNone));
}

TEST(Query, Regexes) {
  EXPECT_TRUE(finds("/port \\d+/", "from 10.0.0.7 port 22"));
  EXPECT_FALSE(finds("/^port/", "from 10.0.0.7 port 22"));
  EXPECT_TRUE(finds("/a\\/b/", "x a/b"));
  EXPECT_TRUE(finds("/var/log/syslog", "cannot open /var/log/syslog"));
  EXPECT_TRUE(finds("message:/^x/ user:/smith$/ OR x", "x"));
}

TEST(Query, ErrorsNameThePlace) {
  const auto error = [](std::string_view text) {
    const auto parsed = Query::parse(text);
    return parsed ? std::string("none") : parsed.error().message;
  };
  EXPECT_EQ(error("a (b"), "the '(' is not closed, at character 3");
  EXPECT_EQ(error("a)"), "a ')' without a '(', at character 2");
  EXPECT_EQ(error("a \"b"), "the '\"' is not closed, at character 3");
  EXPECT_EQ(error("a OR"), "something to search for is missing, at character 5");
  EXPECT_EQ(error("a AND"), "something to search for is missing after AND, at character 6");
  EXPECT_EQ(error("unit: x"), "a value is missing after 'unit:', at character 1");
  EXPECT_TRUE(error("level:loud").starts_with("'loud' is not a level"));
  EXPECT_TRUE(error("/(/").starts_with("invalid regex"));
  EXPECT_TRUE(error("* | stats count()").starts_with("this pipe is not supported"));
  EXPECT_TRUE(error(std::string(20'000, 'a')).starts_with("the query is longer"));
  EXPECT_TRUE(error(std::string(500, '(')).starts_with("parentheses are nested too deeply"));
  std::string many;
  for (int i = 0; i < 300; ++i) many += "a ";
  EXPECT_TRUE(error(many).starts_with("more than 256 terms"));
}

TEST(Query, PipesAndTimesOfVictoriaLogs) {
  const auto parsed = Query::parse("_time:5m error | sort by (_time) desc | limit 7");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->last(), std::chrono::minutes(5));
  EXPECT_EQ(parsed->limit(), 7);
  EXPECT_EQ(parse_duration("1h30m"), std::chrono::minutes(90));
  for (const char* bad : {"", "5", "m", "5x", "-5m", "99999999d"}) EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

TEST(Query, ANumberIsATimeOfTheUnitThatItsSizeTells) {
  EXPECT_EQ(time_of_number(0), 0);
  EXPECT_EQ(time_of_number(1'767'323'045), 1'767'323'045'000'000'000);
  EXPECT_EQ(time_of_number(1'767'323'045'678), 1'767'323'045'678'000'000);
  EXPECT_EQ(time_of_number(1'767'323'045'678'901), 1'767'323'045'678'901'000);
  EXPECT_EQ(time_of_number(1'767'323'045'678'901'234), 1'767'323'045'678'901'234);
  EXPECT_EQ(time_of_number(INT64_MAX), INT64_MAX);
  EXPECT_EQ(time_of_number(-5), -5'000'000'000);
  // Seconds after the year 2262.
  EXPECT_EQ(time_of_number(99'999'999'999), std::nullopt);
  EXPECT_EQ(time_of_number(INT64_MIN), std::nullopt);
}

// What names, levels and the filter tell of a block agrees with what its lines are.
TEST(Query, WhatIsToldOfABlockHolds) {
  BlockInfo block;
  block.host = "web1";
  block.source = "system";
  block.lines = 10;
  block.levels[static_cast<std::size_t>(logline::Level::kError)] = 10;
  std::vector<std::uint64_t> hashes = {word_hash("error"), word_hash("came")};
  const std::string bytes = WordFilter::build(hashes);
  const WordFilter filter(bytes);
  const auto match = [&](std::string_view text) { return Query::parse(text)->matches(block, &filter); };
  EXPECT_EQ(match("host:web1"), Match::kAll);
  EXPECT_EQ(match("host:web2"), Match::kNone);
  EXPECT_EQ(match("-host:web2"), Match::kAll);
  EXPECT_EQ(match("level:error"), Match::kAll);
  EXPECT_EQ(match("-level:error"), Match::kNone);
  EXPECT_EQ(match("level:<error"), Match::kNone);
  EXPECT_EQ(match("error"), Match::kSome);
  EXPECT_EQ(match("-error"), Match::kSome);
  EXPECT_EQ(match("error absent"), Match::kNone);
  EXPECT_EQ(match("error OR absent"), Match::kSome);
  EXPECT_EQ(match("-absent"), Match::kAll);
  EXPECT_EQ(match("12345"), Match::kSome);
  EXPECT_EQ(match("abs*"), Match::kSome);
  EXPECT_EQ(match("host:web2 OR absent"), Match::kNone);
}

}  // namespace
}  // namespace resmon::logs
