#include "influxql/format/serialize.h"

#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "influxql/parse/zone.h"

namespace resmon::influxql {
namespace {

std::string number(double v) {
  std::string out;
  append_double(out, v);
  return out;
}

TEST(Serialize, DoublesAsGoPrintsThem) {
  const std::pair<double, std::string_view> rows[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {100, "100"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.25e22, "1.25e+22"},
      {1e-6, "0.000001"},
      {1e-7, "1e-7"},
      {1.5e-9, "1.5e-9"},
      {1e-10, "1e-10"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {123456789012345678901.0, "123456789012345680000"},
      {16.400000001667067, "16.400000001667067"},
      {std::nan(""), "null"},
      {std::numeric_limits<double>::infinity(), "null"},
  };
  for (const auto& [value, want] : rows) EXPECT_EQ(number(value), want);
}

TEST(Serialize, RowsHaveSoManyDigitsAsAreAskedFor) {
  Response response;
  StatementResult& result = response.results.emplace_back();
  Series& series = result.series.emplace_back();
  series.columns = {"value"};
  const std::pair<double, std::string_view> rows[] = {
      {0, "0"},
      {45.372916666666667, "45.3729"},
      {-45.372916666666667, "-45.3729"},
      {99.99999999, "100"},
      {16777216123.4567, "16777216123"},
      {0.00123456789, "0.00123457"},
      {0.1 + 0.2, "0.3"},
      {1e-7, "0.0000001"},
      {1.25e-12, "1.25e-12"},
      {1.25e22, "1.25e+22"},
  };
  std::string want = R"({"results":[{"statement_id":0,"series":[{"columns":["value"],"values":[)";
  for (const auto& [value, text] : rows) {
    series.cells.emplace_back(value);
    want += std::string(value == 0 ? "[" : ",[") + std::string(text) + "]";
  }
  std::string out;
  ASSERT_TRUE(write_json(response, {.digits = 6}, append_to(out)));
  EXPECT_EQ(out, want + "]}]}]}\n");
}

// Up to six decimals have a way of their own.
TEST(Serialize, DecimalsAreTheShortestText) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const auto whole = static_cast<std::int64_t>(random() >> (14 + random() % 50));
    const double power = std::pow(10, static_cast<double>(random() % 7));
    const double value = static_cast<double>(random() % 2 == 0 ? whole : -whole) / power;
    if (value == 0 || std::fabs(value) >= 9e15) continue;
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
    ASSERT_EQ(number(value), std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
  }
}

Response sample() {
  Response response;
  StatementResult& first = response.results.emplace_back();
  first.series.push_back({"m",
                          {{"host", "a<b>\n\"é\xff"}},
                          {"time", "v"},
                          {1.5, std::monostate{}, std::int64_t{-7}},
                          {1'000'000'000, 1'500'000'001, -1}});
  response.results.emplace_back();
  response.results.emplace_back().error = "no & no";
  return response;
}

std::string json(const Response& response, const SerializeOptions& options) {
  std::string out;
  EXPECT_TRUE(write_json(response, options, append_to(out)));
  return out;
}

TEST(Serialize, JsonHasInfluxDbsKeysInItsOrder) {
  EXPECT_EQ(json(sample(), {}),
            "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
            "\"a\\u003cb\\u003e\\n\\\"é\\ufffd\"},"
            "\"columns\":[\"time\",\"v\"],\"values\":[[\"1970-01-01T00:00:01Z\",1.5],[\"1970-01-01T00:00:01."
            "500000001Z\",null],"
            "[\"1969-12-31T23:59:59.999999999Z\",-7]]}]},{\"statement_id\":1},{\"statement_id\":2,\"error\":\"no "
            "\\u0026 no\"}]}\n");
  Response failed;
  failed.error = "error parsing query: x";
  EXPECT_EQ(json(failed, {}), "{\"error\":\"error parsing query: x\"}\n");
  EXPECT_EQ(json({}, {}), "{}\n");
}

TEST(Serialize, PrettyIsIndentedByFour) {
  Response response;
  response.results.emplace_back().series.push_back({"", {}, {"time"}, {}, {5'000'000}});
  EXPECT_EQ(
      json(response, {Epoch::kMillis, true, 0}),
      "{\n    \"results\": [\n        {\n            \"statement_id\": 0,\n            \"series\": [\n                "
      "{\n"
      "                    \"columns\": [\n                        \"time\"\n                    ],\n"
      "                    \"values\": [\n                        [\n                            5\n"
      "                        ]\n                    ]\n                }\n            ]\n        }\n    ]\n}\n");
}

TEST(Serialize, ChunksAreOneDocumentALine) {
  EXPECT_EQ(json(sample(), {Epoch::kNanos, false, 2}),
            "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
            "\"a\\u003cb\\u003e\\n\\\"é\\ufffd\"},"
            "\"columns\":[\"time\",\"v\"],\"values\":[[1000000000,1.5],[1500000001,null]],\"partial\":true}],"
            "\"partial\":true}]}\n"
            "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"host\":"
            "\"a\\u003cb\\u003e\\n\\\"é\\ufffd\"},"
            "\"columns\":[\"time\",\"v\"],\"values\":[[-1,-7]]}]}]}\n"
            "{\"results\":[{\"statement_id\":1}]}\n{\"results\":[{\"statement_id\":2,\"error\":\"no \\u0026 no\"}]}\n");
}

TEST(Serialize, CsvNamesTagsAndReprintsHeaders) {
  Response response;
  StatementResult& one = response.results.emplace_back();
  one.series.push_back({"cpu", {{"host", "a,b"}, {"x", ""}}, {"time", "v"}, {1e-9}, {5'000'000'000}});
  one.series.push_back({"cpu", {}, {"time", "w"}, {std::string("say \"hi\"")}, {6'000'000'000}});
  response.results.emplace_back();
  response.results.emplace_back().series.push_back({"databases", {}, {"name"}, {std::string("resmon")}, {}});
  std::string out;
  EXPECT_TRUE(write_csv(response, {Epoch::kSeconds, false, 0}, append_to(out)));
  EXPECT_EQ(out,
            "name,tags,time,v\ncpu,\"host=a\\,b\",5,0.000000001\n\nname,tags,time,w\ncpu,,6,\"say \"\"hi\"\"\"\n\n"
            "name,tags,name\ndatabases,,resmon\n");
}

TEST(Serialize, StopsWhenTheClientIsGone) {
  Response response;
  Series& series = response.results.emplace_back().series.emplace_back();
  series.columns = {"v"};
  series.cells.assign(1'000'000, std::int64_t{1});
  int pieces = 0;
  EXPECT_FALSE(write_json(response, {}, [&](std::string_view) { return ++pieces < 3; }));
  EXPECT_EQ(pieces, 3);
}

TEST(Serialize, TimesInTheZoneOfTheStatement) {
  Response response;
  StatementResult& result = response.results.emplace_back();
  auto zone = load_system_zone("Asia/Kolkata");
  if (!zone) GTEST_SKIP() << "no zone files here";
  result.zone = *zone;
  result.series.push_back({"", {}, {"time"}, {}, {0}});
  EXPECT_NE(json(response, {}).find("1970-01-01T05:30:00+05:30"), std::string::npos);
}

}  // namespace
}  // namespace resmon::influxql
