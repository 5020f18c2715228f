#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cmath>
#include <deque>
#include <functional>
#include <memory>

#include "door/options.h"
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
  static UnixNanos at(std::int64_t second) { return second * 1'000'000'000; }
  std::string take(std::string_view lines, std::int64_t second = 1) { return take(lines, sender_, second); }
  std::string take(std::string_view lines, Sender& sender, std::int64_t second) {
    std::vector<Answer> answers;
    taker_->take(lines, at(second), sender, &answers);
    std::string out;
    for (const Answer& one : answers) append_answer(one, out);
    return out;
  }
  void make(TakerOptions options) {
    options.shape.measurement = "in";
    shared_ = std::make_unique<Shared>(std::move(options));
    taker_ = std::make_unique<Taker>(*shared_, schemas_);
  }
  std::string rows() {
    std::string text;
    lineproto::LineEncoder(schemas_).append(taker_->rows(), text);
    return text;
  }
  std::vector<UnixNanos> times() {
    std::vector<UnixNanos> out;
    for (const metric::Row& row : taker_->rows().rows()) out.push_back(row.time);
    return out;
  }
  metric::SchemaTable schemas_;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Taker> taker_;
  Sender sender_;
};

TEST_F(TakerTest, ATimeOf1970IsOneInAnotherUnitAndCostsItsLine) {
  TakerOptions options;
  options.refuse_1970 = true;
  make(options);
  EXPECT_EQ(take("m v=1 1795947869\nm v=2 1795947869000000000\nm v=3 12"),
            "error m: the timestamp 1795947869 is not after 1970 in ns; did you mean precision = \"s\"?\nok 1\n"
            "error m: the timestamp 12 is not after 1970 in ns\n");
  // Without answers all lines are taken together.
  taker_->take("m v=4 1795947869000\nm v=5 1795947870000000000\n", at(1'795'947'869), sender_, nullptr);
  EXPECT_EQ(rows(), "m v=2 1795947869000000000\nm v=5 1795947870000000000\n");
  EXPECT_EQ(shared_->stats().lines, 5U);
  EXPECT_EQ(shared_->stats().samples, 2U);
  EXPECT_EQ(shared_->stats().refused_lines, 3U);
  EXPECT_EQ(shared_->stats().last_error,
            "m: the timestamp 1795947869000 is not after 1970 in ns; did you mean precision = \"ms\"?");

  options.format = Format::kJson;
  options.shape.time_unit = "ms";
  make(options);
  EXPECT_EQ(take("[{\"v\":1,\"time\":1795947869},{\"v\":2,\"time\":1795947869000}]"),
            "error in: the timestamp 1795947869 is not after 1970 in ms; did you mean time_unit = \"s\"?\n");
  EXPECT_EQ(rows(), "");
}

TEST_F(TakerTest, EachLineHasItsAnswerAndABadOneCostsItself) {
  make({});
  EXPECT_EQ(take("m a=1,b=2"), "ok 2\n");
  EXPECT_THAT(take("m a="), HasSubstr("error unable to parse 'm a='"));
  EXPECT_EQ(take(""), "");
  EXPECT_EQ(take("m,x=1 s=\"t\" 5\r"), "ok 1\n");
  EXPECT_EQ(shared_->stats().lines, 3U);
  EXPECT_EQ(shared_->stats().samples, 3U);
  EXPECT_EQ(shared_->stats().refused_lines, 1U);
  EXPECT_EQ(rows(), "m a=1,b=2 1000000000\nm,x=1 s=\"t\" 5\n");
}

TEST_F(TakerTest, LinesThatNobodyAnswersAreReadTheSameWay) {
  const std::string lines = "m a=1,b=2 1\n\nm a=\n# nothing\nm,x=1 s=\"t\" 5\r\nm,x=2 s=\"open 6\nm a=3";
  make({});
  (void)take(lines);
  const std::string wanted = rows();
  const TakerStats stats = shared_->stats();
  make({});
  taker_->take(lines, at(1), sender_, nullptr);
  EXPECT_EQ(rows(), wanted);
  EXPECT_EQ(wanted, "m a=1,b=2 1\nm,x=1 s=\"t\" 5\nm a=3 1000000000\n");
  EXPECT_EQ(shared_->stats().refused_lines, stats.refused_lines);
  EXPECT_EQ(shared_->stats().samples, stats.samples);
}

TEST_F(TakerTest, TagsOfTheConfigurationAreAddedWhereThereAreNone) {
  TakerOptions options;
  options.tags = {{"site", "north"}};
  make(options);
  take("m v=1\nm,site=south v=1 2");
  EXPECT_EQ(rows(), "m,site=north v=1 1000000000\nm,site=south v=1 2\n");
}

TEST_F(TakerTest, ASendersHostIsThatOfAllItsRows) {
  make({});
  Sender web("web-1"), other("db-1");
  take("m v=1 1\nm,host=fake v=2 2", web, 1);
  take("m v=3 3", other, 1);
  take("m,host=own v=4 4");
  EXPECT_EQ(rows(), "m,host=web-1 v=1 1\nm,host=web-1 v=2 2\nm,host=db-1 v=3 3\nm,host=own v=4 4\n");
}

TEST_F(TakerTest, LinesWithoutATimeHaveTimesOfTheirOwn) {
  make({});
  taker_->take("m v=1\nm v=1\nm v=1 7", at(5), sender_, nullptr);
  take("m v=1", 5);
  take("m v=1", 2);  // the clock was set back
  EXPECT_THAT(times(), ::testing::ElementsAre(at(5), at(5) + 1, 7, at(5) + 2, at(2)));
}

TEST_F(TakerTest, RowsOfOneArrayHaveTimesOfTheirOwn) {
  TakerOptions options;
  options.format = Format::kJson;
  make(options);
  EXPECT_EQ(take(R"([{"v":1},{"v":2},{"v":3,"time":"1970-01-01T00:00:09Z"}])", 5), "ok 3\n");
  EXPECT_THAT(times(), ::testing::ElementsAre(at(5), at(5) + 1, at(9)));
}

TEST_F(TakerTest, AnArrayIsTakenAsAWholeOrNotAtAll) {
  TakerOptions options;
  options.format = Format::kJson;
  options.max_series = 2;
  make(options);
  EXPECT_EQ(take(R"([{"a":1},{"b":2}])"), "ok 2\n");
  EXPECT_THAT(take(R"([{"a":3},{"c":4}])"), HasSubstr("max_series is reached"));
  EXPECT_EQ(taker_->rows().rows().size(), 2U);
  EXPECT_EQ(taker_->rows().samples(), 2U);
}

TEST_F(TakerTest, SeriesAndRateAreBounded) {
  TakerOptions options;
  options.max_series = 2;
  options.rate_limit = 4;
  make(options);
  EXPECT_EQ(take("m,x=1 v=1\nm,x=2 v=1"), "ok 1\nok 1\n");
  EXPECT_THAT(take("m,x=3 v=1"), HasSubstr("max_series is reached"));
  EXPECT_EQ(take("m,x=1 v=2"), "ok 1\n");
  EXPECT_EQ(take("m,x=1 v=2"), "error more lines a second than rate_limit allows\n");
  EXPECT_EQ(take("m,x=1 v=2", 2), "ok 1\n");
  taker_->rows().clear();
  taker_->take("m,x=1 v=1\nm,x=1 v=2\nm,x=1 v=3\nm,x=1 v=4\nm,x=1 v=5", at(3), sender_, nullptr);
  EXPECT_EQ(taker_->rows().rows().size(), 4U);
}

TEST_F(TakerTest, ASenderWithoutEndLeavesOthersTheirPart) {
  TakerOptions options;
  options.rate_limit = 100;
  make(options);
  Sender flood, quiet;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "m v=1\n";
  taker_->take(many, at(1), flood, nullptr);
  EXPECT_EQ(taker_->rows().rows().size(), 100U);
  EXPECT_EQ(take("m v=2", quiet, 1), "ok 1\n");
  taker_->take(many, at(1), quiet, nullptr);
  EXPECT_LE(taker_->rows().rows().size(), 200U);
  EXPECT_THAT(take("m v=2", flood, 1), HasSubstr("rate_limit"));
}

// However many they are, and however often they connect anew.
TEST_F(TakerTest, ManySendersWithoutEndLeaveOthersTheirPart) {
  TakerOptions options;
  options.rate_limit = 1000;
  make(options);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "m v=1\n";
  std::deque<Sender> floods(300);
  for (Sender& flood : floods) taker_->take(many, at(1), flood, nullptr);
  Sender quiet;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(take("m v=2", quiet, 1), "ok 1\n") << i;
  EXPECT_LE(taker_->rows().rows().size(), 2U * 1000 + 10 * (floods.size() + 1));
  EXPECT_THAT(take(many, quiet, 1), HasSubstr("rate_limit"));
}

// The table of the rows is the server's or the client's, and others fill it, too.
TEST_F(TakerTest, WhatTheTableOfSchemasHasNoRoomForIsCountedAsRefused) {
  TakerOptions options;
  options.format = Format::kStatsd;
  Shared statsd(options), influx({});
  metric::SchemaTable full(1);
  Taker counters(statsd, full), points(influx, full);
  counters.take("a:1|c\na:2|c\n", at(1), sender_, nullptr);
  counters.flush(at(2));
  EXPECT_EQ(statsd.stats().refused_lines, 0U);
  counters.take("a:1|c\nb:1|c\nc:1|c\n", at(3), sender_, nullptr);
  counters.flush(at(4));
  EXPECT_EQ(statsd.stats().refused_lines, 2U) << "of three series the first has room";
  EXPECT_EQ(statsd.stats().samples, 2U);
  EXPECT_THAT(statsd.stats().last_error, HasSubstr("table of schemas is full"));
  EXPECT_EQ(counters.rows().rows().size(), 2U);
  points.take("a,metric_type=counter value=1i 1\nb v=1 1\na,metric_type=counter value=2i 2\nc v=1 1\nd v=1 1\n", at(5),
              sender_, nullptr);
  EXPECT_EQ(influx.stats().refused_lines, 3U);
  EXPECT_EQ(influx.stats().lines, 5U);
  EXPECT_EQ(influx.stats().samples, 2U);
  EXPECT_EQ(points.rows().rows().size(), 2U);
}

TEST_F(TakerTest, SeriesThatAreNotUsedMakeRoom) {
  TakerOptions options;
  options.max_series = 1;
  make(options);
  EXPECT_EQ(take("m,x=1 v=1"), "ok 1\n");
  EXPECT_THAT(take("m,x=2 v=1"), HasSubstr("max_series is reached"));
  for (int minute = 0; minute < 70; ++minute) shared_->sweep();
  EXPECT_EQ(take("m,x=2 v=1"), "ok 1\n");
}

// A datagram as collectd's network plugin sends it.
class Packet {
 public:
  Packet& text(int part, std::string_view content) {
    head(part, content.size() + 1);
    bytes_.append(content).push_back('\0');
    return *this;
  }
  Packet& number(int part, std::uint64_t value) {
    head(part, 8);
    big(value, 8);
    return *this;
  }
  Packet& values(const std::vector<std::pair<int, double>>& values) {
    head(6, 2 + 9 * values.size());
    big(values.size(), 2);
    for (const auto& [kind, value] : values) bytes_.push_back(static_cast<char>(kind));
    for (const auto& [kind, value] : values) {
      if (kind == 1)
        bytes_.append(reinterpret_cast<const char*>(&value), 8);  // the tests' machines have the lowest byte first
      else
        big(static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), 8);
    }
    return *this;
  }
  Packet& head(int part, std::size_t content) {
    big(static_cast<std::uint64_t>(part), 2);
    big(content + 4, 2);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void big(std::uint64_t value, int count) {
    for (int i = count; i-- > 0;) bytes_.push_back(static_cast<char>(value >> (8 * i) & 255U));
  }
  std::string bytes_;
};

std::string collectd(std::string_view datagram, bool with_host = true, const CollectdTypes& types = {}) {
  std::string out;
  const CollectdReport report = append_collectd(datagram, types, with_host, out);
  return report.refused == 0 ? out : out + std::to_string(report.refused) + " " + report.error;
}

Packet cpu() {
  Packet out;
  out.text(0, "web 1").number(8, 5ULL << 30U).text(2, "cpu").text(3, "0").text(4, "cpu").text(5, "idle");
  return out;
}

TEST(CollectdTest, ValuesBecomeLines) {
  EXPECT_EQ(collectd(cpu().values({{2, -7}}).bytes()),
            "cpu,host=web\\ 1,instance=0,type=cpu,type_instance=idle value=-7 5000000000\n");
  EXPECT_EQ(collectd(cpu().values({{1, 1.5}}).text(5, "").values({{0, 3}}).bytes(), false),
            "cpu,instance=0,type=cpu,type_instance=idle value=1.5 5000000000\n"
            "cpu,instance=0,type=cpu value=3 5000000000\n");
  EXPECT_EQ(collectd(cpu().text(2, "interface").text(4, "if_octets").number(1, 9).values({{2, 1}, {2, 2}}).bytes()),
            "interface,host=web\\ 1,instance=0,type=if_octets,type_instance=idle rx=1,tx=2 9000000000\n");
  EXPECT_EQ(collectd(cpu().text(4, "own").values({{3, 1}, {1, NAN}, {3, 4}}).bytes(), false),
            "cpu,instance=0,type=own,type_instance=idle value_0=1,value_2=4 5000000000\n");
}

TEST(CollectdTest, TypesDbNamesSources) {
  CollectdTypes types;
  ASSERT_TRUE(types.add("# comment\n\nown\t\tin:DERIVE:0:U, out:GAUGE:U:U\nif_octets value:GAUGE:0:U"));
  EXPECT_EQ(collectd(cpu().text(4, "own").values({{2, 1}, {1, 2}}).bytes(), false, types),
            "cpu,instance=0,type=own,type_instance=idle in=1,out=2 5000000000\n");
  EXPECT_THAT(collectd(cpu().text(4, "own").values({{2, 1}}).bytes(), false, types), HasSubstr("has 2 data sources"));
  EXPECT_EQ(types.add("a b:GAUGE:0:U\nlonely\n").error().message, "line 2: must be TYPE SOURCE:KIND:MIN:MAX, …");
}

TEST(CollectdTest, WhatIsSignedEncryptedOrDamagedIsRefusedInWords) {
  EXPECT_THAT(collectd(Packet().head(0x0200, 40).bytes() + std::string(40, 'x')),
              HasSubstr("1 collectd: the datagram is signed"));
  EXPECT_THAT(collectd(Packet().head(0x0210, 40).bytes() + std::string(40, 'x')),
              HasSubstr("1 collectd: the datagram is encrypted"));
  EXPECT_THAT(collectd(Packet().values({{1, 1}}).bytes()), HasSubstr("without plugin and type"));
  EXPECT_THAT(collectd(cpu().values({{9, 1}}).bytes()), HasSubstr("unknown kind"));
  EXPECT_THAT(collectd(cpu().head(6, 3).bytes() + std::string("\0\1\1", 3)), HasSubstr("length"));
  EXPECT_THAT(collectd(cpu().head(1, 2).bytes() + "xx"), HasSubstr("a time"));
  const std::string whole = cpu().values({{1, 1}}).bytes();
  for (std::size_t end = 1; end < whole.size(); ++end) (void)collectd(std::string_view(whole).substr(0, end));
  EXPECT_THAT(collectd(std::string_view(whole).substr(0, whole.size() - 1)), HasSubstr("1 collectd: a part is longer"));
}

TEST_F(TakerTest, CollectdsDatagramsAreTaken) {
  TakerOptions options;
  options.format = Format::kCollectd;
  make(options);
  taker_->take_datagram(cpu().values({{2, 1}}).values({{2, 2}, {2, 3}}).bytes(), at(1), sender_);
  taker_->take_datagram(Packet().head(0x0210, 1).bytes() + "x", at(1), sender_);
  EXPECT_EQ(rows(),
            "cpu,instance=0,type=cpu,type_instance=idle value=1 5000000000\n"
            "cpu,instance=0,type=cpu,type_instance=idle value_0=2,value_1=3 5000000000\n");
  EXPECT_EQ(shared_->stats().lines, 3U);
  EXPECT_EQ(shared_->stats().refused_lines, 1U);
  EXPECT_THAT(shared_->stats().last_error, HasSubstr("encrypted"));
}

// Takes rows as it is told to, and says what came.
class FakeIntake final : public Intake {
 public:
  explicit FakeIntake(metric::SchemaTable& schemas) : schemas_(schemas) {}
  Taken take(metric::Batch& rows, std::vector<std::size_t>* ends) override {
    if (ends != nullptr) ends_ = *ends;
    return step(rows);
  }
  Taken again(metric::Batch& rows) override { return step(rows); }
  void when_safe(std::uint64_t, const boost::asio::any_io_executor&, std::function<void()> done) override {
    if (safe_) done();
  }
  std::vector<Taken> next_;  // the last stays
  bool safe_ = true;
  std::string text_;
  std::vector<std::size_t> ends_;

 private:
  Taken step(metric::Batch& rows) {
    const Taken out = next_.empty() ? Taken() : next_.front();
    if (next_.size() > 1) next_.erase(next_.begin());
    if (out.fate == Taken::Fate::kTaken) lineproto::LineEncoder(schemas_).append(rows, text_);
    return out;
  }
  metric::SchemaTable& schemas_;
};

class DoorOverSocketTest : public ::testing::Test {
 protected:
  void open(DoorOptions options) {
    path_ = ::testing::TempDir() + "/door-" + std::to_string(::getpid()) + ".sock";
    options.url = "unix:" + path_;
    options.ack = true;
    std::vector<boost::asio::any_io_executor> executors{io_.get_executor()};
    auto door = Door::open(std::move(executors), std::move(options), schemas_, intake_);
    ASSERT_TRUE(door) << door.error().message;
    door_ = std::move(*door);
    door_->start();
  }
  void TearDown() override {
    if (door_) door_->stop();
    io_.restart();
    io_.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(!door_ || door_->stopped());
  }
  // Sends it over a connection of its own, and returns so many lines of what comes, or all where the door hangs up.
  std::string ask(const std::string& text, int lines) {
    boost::asio::local::stream_protocol::socket socket(io_);
    boost::system::error_code error;
    socket.connect(boost::asio::local::stream_protocol::endpoint(path_), error);
    EXPECT_FALSE(error) << error.message();
    boost::asio::write(socket, boost::asio::buffer(text), error);
    std::string out;
    char buffer[4096];
    bool done = false;
    std::function<void()> read = [&] {
      socket.async_read_some(boost::asio::buffer(buffer), [&](const boost::system::error_code& end, std::size_t got) {
        out.append(buffer, got);
        done = end || std::count(out.begin(), out.end(), '\n') >= lines;
        if (!done) read();
      });
    };
    read();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    io_.restart();
    while (!done && std::chrono::steady_clock::now() < until) io_.run_one_for(std::chrono::milliseconds(100));
    return out;
  }
  static Intake::Taken later() {
    Intake::Taken out;
    out.fate = Intake::Taken::Fate::kLater;
    out.reason = "the journal is full";
    return out;
  }
  static Intake::Taken taken(std::uint64_t position) {
    Intake::Taken out;
    out.position = position;
    return out;
  }
  boost::asio::io_context io_;
  metric::SchemaTable schemas_;
  FakeIntake intake_{schemas_};
  std::string path_;
  std::unique_ptr<Door> door_;
};

TEST_F(DoorOverSocketTest, RowsThatCannotBeTakenNowAreTriedAgain) {
  intake_.next_ = {later(), later(), taken(7)};
  open({});
  EXPECT_EQ(ask("m v=1 1\nm v=\nm v=2 2\n", 3).substr(0, 5), "ok 1\n");
  EXPECT_EQ(intake_.text_, "m v=1 1\nm v=2 2\n");
  EXPECT_THAT(intake_.ends_, ::testing::ElementsAre(1, 1, 2));
}

TEST_F(DoorOverSocketTest, EachLineGetsItsOwnRefusal) {
  Intake::Taken some = taken(7);
  some.by_answer = {"", "", "no room"};
  some.refused_rows = 1;
  intake_.next_ = {some};
  open({});
  const std::string answers = ask("m v=1 1\nm v=\nm v=2 2\n", 3);
  EXPECT_THAT(answers, ::testing::StartsWith("ok 1\nerror unable to parse"));
  EXPECT_THAT(answers, ::testing::EndsWith("\nerror no room\n"));
  EXPECT_EQ(door_->stats().taken.refused_lines, 2U);
}

TEST_F(DoorOverSocketTest, NothingIsTakenBeforeTheToken) {
  DoorOptions options;
  options.require_token = true;
  options.access = [](std::string_view token) -> std::optional<std::string> {
    if (token == "good") return "";
    if (token == "bound") return "web-1";
    return std::nullopt;
  };
  open(options);
  EXPECT_EQ(ask("m v=1 1\nm v=2 2\n", 9), "error the first line must be: token TOKEN\n");
  EXPECT_EQ(ask("token bad\nm v=1 1\n", 9), "error the token is not valid\n");
  EXPECT_EQ(intake_.text_, "");
  EXPECT_EQ(ask("token good\nm v=3 3\n", 2), "ok 0\nok 1\n");
  EXPECT_EQ(ask("token bound\r\nm,host=x v=4 4\n", 2), "ok 0\nok 1\n");
  EXPECT_EQ(intake_.text_, "m v=3 3\nm,host=web-1 v=4 4\n");
  EXPECT_EQ(door_->stats().denied, 2U);
}

TEST_F(DoorOverSocketTest, SilentConnectionsWithoutATokenEndTheOldest) {
  DoorOptions options;
  options.require_token = true;
  options.access = [](std::string_view) { return std::optional<std::string>(""); };
  options.max_connections = 64;
  open(options);
  std::vector<boost::asio::local::stream_protocol::socket> silent;
  for (int i = 0; i < 40; ++i) {
    silent.emplace_back(io_).connect(boost::asio::local::stream_protocol::endpoint(path_));
    io_.restart();
    io_.poll();
  }
  EXPECT_EQ(ask("token x\nm v=1 1\n", 2), "ok 0\nok 1\n");
  EXPECT_GE(door_->stats().refused_connections, 20U);
}

std::string checked(const std::vector<std::string>& sets, Side side = Side::kServer) {
  InputOptions options(side);
  config::Settings settings("test");
  options.declare(settings, "input.x");
  for (const std::string& set : sets) {
    const Status done = settings.set("input.x." + set);
    if (!done) return done.error().message;
  }
  const Status good = options.check();
  return good ? "" : good.error().message;
}

TEST(InputOptionsTest, WhatOthersReachNeedsATokenOrACertificate) {
  EXPECT_EQ(checked({"url=tcp:127.0.0.1:8094"}), "");
  EXPECT_EQ(checked({"url=udp:[::1]:8094"}), "");
  EXPECT_EQ(checked({"url=unix:/run/in.sock"}), "");
  EXPECT_THAT(checked({"url=tcp:0.0.0.0:8094"}),
              HasSubstr("other machines reach 0.0.0.0:8094, and tcp is not encrypted"));
  EXPECT_THAT(checked({"url=udp:0.0.0.0:8094", "require_token=true"}), HasSubstr("udp is not encrypted"));
  EXPECT_THAT(checked({"url=tcp:0.0.0.0:8094", "allow_plaintext=true"}), HasSubstr("set require_token = true"));
  EXPECT_EQ(checked({"url=tcp:0.0.0.0:8094", "allow_plaintext=true", "require_token=true"}), "");
  EXPECT_THAT(checked({"url=tls:[::]:8094"}), HasSubstr("require_token = true or tls_client_ca_file"));
  EXPECT_EQ(checked({"url=tls:[::]:8094", "require_token=true"}), "");
  EXPECT_EQ(checked({"url=tls:[::]:8094", "tls_client_ca_file=/x"}), "");
  EXPECT_THAT(checked({"url=tls:[::]:8094", "require_token=true"}, Side::kClient), HasSubstr("token_file"));
  EXPECT_THAT(checked({"url=tls:[::]:8094", "require_token=true", "token_file=/x"}, Side::kClient),
              HasSubstr("tls_certificate_file"));
  EXPECT_THAT(checked({"url=tcp:example.org:80"}), HasSubstr("is no address"));
  EXPECT_THAT(checked({"url=http://x"}), HasSubstr("url: must be unix:/PATH"));
}

TEST(InputOptionsTest, WhatCannotBeIsSaid) {
  const std::string tcp = "url=tcp:127.0.0.1:1", udp = "url=udp:127.0.0.1:1";
  EXPECT_THAT(checked({udp, "ack=true"}), HasSubstr("datagrams are not answered"));
  EXPECT_THAT(checked({tcp, "format=collectd"}), HasSubstr("use udp"));
  EXPECT_THAT(checked({udp, "format=collectd", "require_token=true"}), HasSubstr("cannot send a token"));
  EXPECT_THAT(checked({tcp, "host=token"}), HasSubstr("require_token must be true"));
  EXPECT_THAT(checked({"url=unix:/x", "host=address"}), HasSubstr("no addresses"));
  EXPECT_THAT(checked({tcp, "tls_client_ca_file=/x"}), HasSubstr("must begin with tls:"));
  EXPECT_THAT(checked({tcp, "tags=host=a"}, Side::kClient), HasSubstr("reserved"));
}

TEST(LineSplitterTest, LinesAreTheSameHoweverTheyCome) {
  const std::string text = "one\ntwo\n\nlong long long\nthree\nrest";
  for (std::size_t step = 1; step < text.size(); ++step) {
    LineSplitter splitter(8);
    std::vector<std::string> found;
    int too_long = 0;
    for (std::size_t at = 0; at < text.size(); at += step)
      splitter.feed(
          std::string_view(text).substr(at, step),
          [&](std::string_view lines) {
            for (std::size_t end = 0; end != std::string_view::npos;
                 lines.remove_prefix(std::min(end + 1, lines.size()))) {
              end = lines.find('\n');
              if (lines.substr(0, end).size() > 8)
                ++too_long;  // in one piece, it is whoever takes the lines that finds it
              else
                found.emplace_back(lines.substr(0, end));
            }
          },
          [&] { ++too_long; });
    EXPECT_EQ(found, (std::vector<std::string>{"one", "two", "", "three"})) << step;
    EXPECT_EQ(too_long, 1) << step;
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
