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

TEST(LogTest, JsonIsOneObject) {
  EXPECT_EQ(
      format_event(Format::kJson, 0, Level::kError, "store", "disk full", {{"path", "/a b"}, {"bytes", 12}}),
      R"({"time":"1970-01-01T00:00:00.000Z","level":"ERROR","component":"store","message":"disk full","path":"/a b","bytes":12})");
}

TEST(LogTest, LevelNames) {
  EXPECT_EQ(parse_level("Warn").value(), Level::kWarn);
  EXPECT_FALSE(parse_level("loud").has_value());
}

}  // namespace
}  // namespace resmon::log
