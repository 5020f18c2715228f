#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "door/taker.h"
#include "lineproto/encoder.h"

namespace resmon::door {
namespace {

using ::testing::HasSubstr;

std::string lines(Format format, std::string_view line, Shape shape = {}) {
  if (shape.measurement.empty()) shape.measurement = "in";
  std::string out;
  const Status read = append_lines(format, line, shape, out);
  return read ? out : "error " + read.error().message;
}

TEST(DoorTest, JsonBecomesLines) {
  EXPECT_EQ(lines(Format::kJson, R"({"a":1,"b":2.5,"c":"x y","d":true,"e":null})"), "in a=1,b=2.5,c=\"x y\",d=true\n");
  EXPECT_EQ(lines(Format::kJson, R"({"cpu":{"user":1,"cores":[2,3]}})"), "in cpu_user=1,cpu_cores_0=2,cpu_cores_1=3\n");
  EXPECT_EQ(lines(Format::kJson, R"([{"a":1},{"a":2}])"), "in a=1\nin a=2\n");
  Shape shape;
  shape.measurement_key = "name";
  shape.tag_keys = {"disk", "at_rack"};
  EXPECT_EQ(lines(Format::kJson, R"({"name":"io","disk":"sd a","at":{"rack":7},"v":1})", shape),
            "io,disk=sd\\ a,at_rack=7 v=1\n");
  EXPECT_EQ(lines(Format::kJson, R"({"a b":1,"c=d":2,"e\n":3})"), "in a\\ b=1,c\\=d=2,e?=3\n");
}

TEST(DoorTest, JsonsTimeHasEveryUnit) {
  const auto time = [](const std::string& value, const std::string& unit) {
    Shape shape;
    shape.time_unit = unit;
    const std::string out = lines(Format::kJson, R"({"v":1,"time":)" + value + "}", shape);
    return out.starts_with("in v=1 ") ? out.substr(7, out.size() - 8) : out;
  };
  EXPECT_EQ(time("1700000000", "s"), "1700000000000000000");
  EXPECT_EQ(time("1700000000.5", "auto"), "1700000000500000000");
  EXPECT_EQ(time("1700000000123", "ms"), "1700000000123000000");
  EXPECT_EQ(time("1700000000123", "auto"), "1700000000123000000");
  EXPECT_EQ(time("1700000000123456", "us"), "1700000000123456000");
  EXPECT_EQ(time("1700000000123456789", "ns"), "1700000000123456789");
  EXPECT_EQ(time("1700000000123456789", "auto"), "1700000000123456789");
  EXPECT_EQ(time("\"2023-11-14T22:13:20.5Z\"", "auto"), "1700000000500000000");
  EXPECT_EQ(time("\"2023-11-14T22:13:20Z\"", "rfc3339"), "1700000000000000000");
  EXPECT_THAT(time("\"yesterday\"", "auto"), HasSubstr("'time' is no time"));
  EXPECT_THAT(time("1e300", "s"), HasSubstr("'time' is no time"));
}

TEST(DoorTest, GraphiteBecomesLines) {
  EXPECT_EQ(lines(Format::kGraphite, "servers.web1.load 1.5 1700000000"),
            "servers.web1.load value=1.5 1700000000000000000\n");
  EXPECT_EQ(lines(Format::kGraphite, "disk.used;rack=7;dc=a\\ 3"), "disk.used,rack=7,dc=a value=3\n");
  EXPECT_EQ(lines(Format::kGraphite, "a 1 -1"), "a value=1\n");
  EXPECT_EQ(lines(Format::kGraphite, "a b"), "error the value is no number");
  EXPECT_EQ(lines(Format::kGraphite, "a"), "error must be PATH VALUE [SECONDS]");
  EXPECT_EQ(lines(Format::kGraphite, "a;b 1"), "error a tag must be NAME=VALUE");
}

TEST(StatsdTest, ValuesAreAddedUpBetweenFlushes) {
  Statsd statsd(100);
  for (const char* line : {"web.hits:1|c", "web.hits:2|c|@0.5", "web.hits:5|c|#code:200,debug", "temp:3|g",
                           "temp:+1.5|g", "user:a|s", "user:b|s", "user:a|s"})
    EXPECT_TRUE(statsd.take(line)) << line;
  for (int i = 1; i <= 10; ++i) EXPECT_TRUE(statsd.take("took:" + std::to_string(i) + "|ms"));
  std::string out;
  statsd.flush(out);
  EXPECT_EQ(out,
            "web_hits,code=200,debug=true,metric_type=counter value=5i\n"
            "web_hits,metric_type=counter value=5i\n"
            "temp,metric_type=gauge value=4.5\n"
            "took,metric_type=timing count=10i,sum=55,mean=5.5,stddev=2.8722813232690143,lower=1,upper=10,median=5,"
            "90_percentile=9\n"
            "user,metric_type=set value=2i\n");
  out.clear();
  statsd.flush(out);
  EXPECT_EQ(out, "");
  EXPECT_TRUE(statsd.take("temp:-4|g"));
  statsd.flush(out);
  EXPECT_EQ(out, "temp,metric_type=gauge value=0.5\n");
}

TEST(StatsdTest, WhatIsWrongSaysWhy) {
  Statsd statsd(2);
  EXPECT_EQ(statsd.take("x").error().message, "must be NAME:VALUE|TYPE");
  EXPECT_EQ(statsd.take("x:1|q").error().message, "the type must be c, g, ms, h, d or s");
  EXPECT_EQ(statsd.take("x:a|c").error().message, "the value is no number");
  EXPECT_EQ(statsd.take("x:1|c|@0").error().message, "a sampling rate is above 0 and at most 1");
  EXPECT_TRUE(statsd.take("a:1|c") && statsd.take("b:1|c"));
  EXPECT_EQ(statsd.take("c:1|c").error().message, "too many names and tags: max_series is reached");
}

class TakerTest : public ::testing::Test {
 protected:
  std::string take(std::string_view line, std::int64_t second = 1) {
    std::string answer;
    taker_->take(line, second * 1'000'000'000, rows_, &answer);
    return answer;
  }
  void make(TakerOptions options) {
    options.shape.measurement = "in";
    taker_ = std::make_unique<Taker>(std::move(options), schemas_);
  }
  metric::SchemaTable schemas_;
  std::unique_ptr<Taker> taker_;
  metric::Batch rows_;
};

TEST_F(TakerTest, EachLineHasItsAnswerAndABadOneCostsItself) {
  make({});
  EXPECT_EQ(take("m a=1,b=2"), "ok 2\n");
  EXPECT_THAT(take("m a="), HasSubstr("error unable to parse 'm a='"));
  EXPECT_EQ(take(""), "");
  EXPECT_EQ(take("m,x=1 s=\"t\" 5\r"), "ok 1\n");
  EXPECT_EQ(taker_->stats().lines, 3U);
  EXPECT_EQ(taker_->stats().refused_lines, 1U);
  std::string text;
  lineproto::LineEncoder(schemas_).append(rows_, text);
  EXPECT_EQ(text, "m a=1,b=2 1000000000\nm,x=1 s=\"t\" 5\n");
}

TEST_F(TakerTest, TagsOfTheConfigurationAreAddedWhereThereAreNone) {
  TakerOptions options;
  options.tags = {{"site", "north"}};
  make(options);
  take("m v=1");
  take("m,site=south v=1", 2);
  std::string text;
  lineproto::LineEncoder(schemas_).append(rows_, text);
  EXPECT_EQ(text, "m,site=north v=1 1000000000\nm,site=south v=1 2000000000\n");
}

TEST_F(TakerTest, LinesOfOneReadHaveTimesOfTheirOwn) {
  make({});
  metric::Batch rows;
  for (int i = 0; i < 3; ++i) taker_->take("m v=1", 5'000'000'000, rows, nullptr);
  taker_->take("m v=1", 2'000'000'000, rows, nullptr);  // the clock was set back
  std::vector<UnixNanos> times;
  for (const metric::Row& row : rows.rows()) times.push_back(row.time);
  EXPECT_THAT(times, ::testing::ElementsAre(5'000'000'000, 5'000'000'001, 5'000'000'002, 2'000'000'000));
}

TEST_F(TakerTest, SeriesAndRateAreBounded) {
  TakerOptions options;
  options.max_series = 2;
  options.rate_limit = 4;
  make(options);
  EXPECT_EQ(take("m,x=1 v=1"), "ok 1\n");
  EXPECT_EQ(take("m,x=2 v=1"), "ok 1\n");
  EXPECT_THAT(take("m,x=3 v=1"), HasSubstr("max_series is reached"));
  EXPECT_EQ(take("m,x=1 v=2"), "ok 1\n");
  EXPECT_EQ(take("m,x=1 v=2"), "error more lines a second than rate_limit allows\n");
  EXPECT_EQ(take("m,x=1 v=2", 2), "ok 1\n");
}

TEST(LineSplitterTest, LinesAreTheSameHoweverTheyCome) {
  const std::string text = "one\ntwo\n\nlong long long\nthree\nrest";
  for (std::size_t step = 1; step < text.size(); ++step) {
    LineSplitter splitter(8);
    std::vector<std::string> found;
    int too_long = 0;
    for (std::size_t at = 0; at < text.size(); at += step)
      splitter.feed(
          std::string_view(text).substr(at, step), [&](std::string_view line) { found.emplace_back(line); },
          [&] { ++too_long; });
    EXPECT_EQ(found, (std::vector<std::string>{"one", "two", "", "three"})) << step;
    EXPECT_EQ(too_long, 1);
    EXPECT_EQ(splitter.take_rest(), "rest");
  }
}

TEST(LineSplitterTest, FramesAreTheSameHoweverTheyCome) {
  using namespace std::string_literals;
  const std::string bytes = "\0\0\0\3one\0\0\0\0\0\0\0\x0clong long lo\0\0\0\5a\nb\nc\0\0\0\7res"s;
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    LineSplitter splitter(8, Framing::kLength);
    std::vector<std::string> found;
    int too_long = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      splitter.feed(
          std::string_view(bytes).substr(at, step), [&](std::string_view line) { found.emplace_back(line); },
          [&] { ++too_long; });
    EXPECT_EQ(found, (std::vector<std::string>{"one", "", "a\nb\nc"})) << step;
    EXPECT_EQ(too_long, 1);
    EXPECT_EQ(splitter.take_rest(), "");
  }
}

}  // namespace
}  // namespace resmon::door
