#include "base/log.h"

#include <gtest/gtest.h>

namespace resmon::log {
namespace {

TEST(LogTest, TextLineHasTimeLevelComponentMessageAndPairs) {
  EXPECT_EQ(format_event(Format::kText, 1'700'000'000'123, Level::kWarn, "ingest", "client refused",
                         {{"host", "web1"}, {"count", 3}, {"ratio", 0.5}, {"ok", false}}),
            "2023-11-14T22:13:20.123Z WARN ingest client refused host=web1 count=3 ratio=0.5 ok=false");
}

TEST(LogTest, HostileValuesStayOnOneLine) {
  const std::string line =
      format_event(Format::kText, 0, Level::kInfo, "net", "hello\nworld", {{"name", "a b=\"c\"\n\x01"}, {"empty", ""}});
  EXPECT_EQ(line, "1970-01-01T00:00:00.000Z INFO net hello\\nworld name=\"a b=\\\"c\\\"\\n\\u0001\" empty=\"\"");
}

TEST(LogTest, WhatIsNotPrintableIsEscapedInValuesAndMessages) {
  const std::string hostile =
      "\xc2\x9b"
      "2J\xe2\x80\xae"
      "gpj.exe\xe2\x80\xa8";
  for (const Format format : {Format::kText, Format::kJson}) {
    const std::string line = format_event(format, 0, Level::kInfo, "net", hostile, {{"host", hostile}});
    EXPECT_EQ(line.find("\xc2\x9b"), std::string::npos);
    EXPECT_EQ(line.find("\xe2\x80"), std::string::npos);
    EXPECT_NE(line.find("\\u009b2J\\u202egpj.exe\\u2028"), std::string::npos) << line;
  }
}

TEST(LogTest, JsonIsOneObject) {
  EXPECT_EQ(
      format_event(Format::kJson, 0, Level::kError, "store", "disk full", {{"path", "/a b"}, {"bytes", 12}}),
      R"({"time":"1970-01-01T00:00:00.000Z","level":"ERROR","component":"store","message":"disk full","path":"/a b","bytes":12})");
}

TEST(LogTest, LevelNames) {
  EXPECT_EQ(parse_level("Warn").value(), Level::kWarn);
  EXPECT_FALSE(parse_level("loud").has_value());
}

TEST(LogTest, RecentEventsAreBoundedFilteredAndNumbered) {
  keep_recent(3);
  const std::uint64_t before = [] {
    warn("test", "first");
    return recent(0, Level::kDebug, 1).at(0).sequence;
  }();
  info("test", "second", {{"n", 2}});
  warn("test", "third");
  error("test", "fourth", {{"long", std::string(3 * kRecentBytes, 'x')}});
  const auto all = recent(0, Level::kDebug, 100);
  ASSERT_EQ(all.size(), 3U);  // the first has made room
  EXPECT_EQ(all[0].text, "second n=2");
  EXPECT_EQ(all[0].component, "test");
  EXPECT_LE(all[2].text.size(), kRecentBytes);
  EXPECT_EQ(recent(before + 1, Level::kDebug, 100).size(), 2U);
  const auto warnings = recent(0, Level::kWarn, 1);
  ASSERT_EQ(warnings.size(), 1U);  // the newest
  EXPECT_EQ(warnings[0].level, Level::kError);
  keep_recent(0);
  EXPECT_TRUE(recent(0, Level::kDebug, 100).empty());
}

}  // namespace
}  // namespace resmon::log
