#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <limits>
#include <random>
#include <set>

#include "base/file.h"
#include "influxd.h"
#include "lineproto/decoder.h"
#include "sink/sink.h"
#include "sink/test_support.h"

namespace resmon::tests {
namespace {

using metric::Batch;
using metric::FieldType;
using sink::SinkOptions;
using sink::State;
using sink::testing::ListSource;
using sink::testing::Running;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr UnixNanos kStart = 1'700'000'000'000'000'000;

class InfluxdbTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Influxd::installed()) GTEST_SKIP() << "influxd is not installed (apt-get install influxdb)";
    ASSERT_TRUE(influxd_.start());
    options_ = options_for(influxd_);
  }

  static SinkOptions options_for(const Influxd& influxd) {
    SinkOptions options;
    options.url = influxd.url();
    options.database = "resmon";
    options.linger = 5ms;
    options.retry_first = 10ms;
    options.retry_last = 100ms;
    options.resend_window = 0s;  // what is delivered is committed at once
    return options;
  }

  // Rows "conflict,host=N f=…" at kStart + i.
  void add_integers(std::int64_t first, std::int64_t count) {
    const auto id = schemas_.intern({"m", {{"host", "a"}}, {{"f", FieldType::kInteger}}}).value();
    auto batch = std::make_shared<Batch>();
    for (std::int64_t i = first; i < first + count; ++i) batch->add(id, 1, kStart + i).set(0, i);
    source_.add(std::move(batch));
  }

  Influxd influxd_;
  metric::SchemaTable schemas_;
  ListSource source_;
  SinkOptions options_;
};

TEST_F(InfluxdbTest, EveryTypeAndValueComesBack) {
  const std::vector<double> floats{0.0, -1.5, 0.1, 1e300, -5e-324, 1.7976931348623157e308, 16.400000001667067, 3};
  const std::vector<std::int64_t> integers{0, -1, std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::int64_t>::min(), 9007199254740993};
  const std::vector<std::uint64_t> unsigned_integers{0, 5, std::numeric_limits<std::uint64_t>::max()};
  const std::vector<std::string> texts{"",        "plain", "say \"hi\"", "back\\slash\\",
                                       "a,b=c d", "日本",  "tab\there",  "it's"};
  for (const bool gzip : {false, true}) {
    SCOPED_TRACE(gzip);
    const std::string measurement = gzip ? "all types,= \"x\"" : "plain types";
    const auto id = schemas_
                        .intern({measurement,
                                 {{"host", "web 1"}, {"path", "/a b,c=d\\e"}},
                                 {{"a float", FieldType::kFloat},
                                  {"integer", FieldType::kInteger},
                                  {"unsigned", FieldType::kUnsigned},
                                  {"yes", FieldType::kBoolean},
                                  {"text", FieldType::kString}}})
                        .value();
    auto batch = std::make_shared<Batch>();
    for (std::size_t i = 0; i < 8; ++i) {
      metric::RowWriter row = batch->add(id, 5, kStart + static_cast<std::int64_t>(i));
      row.set(0, floats[i]);
      row.set(1, integers[i % integers.size()]);
      row.set(2, unsigned_integers[i % unsigned_integers.size()]);
      row.set(3, i % 2 == 0);
      row.set(4, std::string_view(texts[i]));
    }
    source_.add(batch);
    options_.gzip = gzip;
    {
      Running sink(options_, schemas_, source_);
      ASSERT_TRUE(sink.commits_all());
      EXPECT_EQ(sink.stats().sent_samples, 40U);
      EXPECT_EQ(sink.stats().refused_lines, 0U);
      EXPECT_EQ(sink.stats().server_version, "1.6.7~rc0");
    }
    std::string quoted;
    for (const char c : measurement) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);

    std::map<std::string, std::string> types;
    for (const auto& row : influxd_.rows("resmon", "SHOW FIELD KEYS FROM \"" + quoted + "\""))
      types[row.at(0).as_string().c_str()] = row.at(1).as_string().c_str();
    EXPECT_EQ(types, (std::map<std::string, std::string>{{"a float", "float"},
                                                         {"integer", "integer"},
                                                         {"unsigned", "integer"},
                                                         {"yes", "boolean"},
                                                         {"text", "string"}}));

    const auto rows =
        influxd_.rows("resmon", "SELECT \"a float\", integer, unsigned, yes, text, host, path FROM \"" + quoted + "\"");
    ASSERT_EQ(rows.size(), 8U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& row = rows[i].as_array();
      EXPECT_EQ(row[0].to_number<std::int64_t>(), kStart + static_cast<std::int64_t>(i));
      EXPECT_EQ(row[1].to_number<double>(), floats[i]);
      EXPECT_EQ(row[2].to_number<std::int64_t>(), integers[i % integers.size()]);
      EXPECT_EQ(row[3].to_number<std::uint64_t>(),
                std::min<std::uint64_t>(unsigned_integers[i % unsigned_integers.size()], INT64_MAX));
      EXPECT_EQ(row[4].as_bool(), i % 2 == 0);
      EXPECT_EQ(row[5].as_string(), texts[i]);
      EXPECT_EQ(row[6].as_string(), "web 1");
      EXPECT_EQ(row[7].as_string(), "/a b,c=d\\e");
    }
  }
}

TEST_F(InfluxdbTest, ATypeConflictIsIsolatedAndItsNeighboursLand) {
  add_integers(0, 1);
  const auto wrong = schemas_.intern({"m", {{"host", "a"}}, {{"f", FieldType::kFloat}}}).value();
  const auto right = schemas_.intern({"m", {{"host", "a"}}, {{"f", FieldType::kInteger}}}).value();
  options_.refused_file = ::testing::TempDir() + "influxdb_test_refused";
  std::remove(options_.refused_file.c_str());
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  auto batch = std::make_shared<Batch>();
  for (std::int64_t i = 1; i <= 100; ++i) {
    if (i == 40 || i == 41)
      batch->add(wrong, 1, kStart + i).set(0, 0.5);
    else
      batch->add(right, 1, kStart + i).set(0, i);
  }
  source_.add(batch);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_lines, 2U);
  EXPECT_EQ(sink.stats().sent_samples, 99U);
  EXPECT_THAT(sink.stats().last_refusal, HasSubstr("field type conflict"));
  EXPECT_EQ(sink.stats().last_error, "");
  const std::string kept = read_file(options_.refused_file).value();
  EXPECT_THAT(kept, HasSubstr("\nm,host=a f=0.5 1700000000000000040\n"));
  EXPECT_THAT(kept, HasSubstr("\nm,host=a f=0.5 1700000000000000041\n"));
  const auto rows = influxd_.rows("resmon", "SELECT f FROM m");
  ASSERT_EQ(rows.size(), 99U);
  for (const auto& row : rows)
    EXPECT_EQ(row.at(0).to_number<std::int64_t>() - kStart, row.at(1).to_number<std::int64_t>());
}

TEST_F(InfluxdbTest, AServerThatIsKilledAndComesBackMissesNothing) {
  options_.batch_bytes = 4096;
  Running sink(options_, schemas_, source_);
  std::int64_t next = 0;
  const auto some = [&](int items) {
    for (int i = 0; i < items; ++i, next += 50) add_integers(next, 50);
  };
  for (int round = 0; round < 3; ++round) {
    some(60);
    ASSERT_TRUE(sink.becomes([&] { return source_.committed() > 0; }));
    influxd_.kill();
    some(20);
    ASSERT_TRUE(sink.becomes([&] { return sink.stats().state == State::kRetrying; }));
    EXPECT_LT(source_.committed(), source_.size());
    EXPECT_GT(sink.stats().lag_seconds, 0);
    ASSERT_TRUE(influxd_.start());
    ASSERT_TRUE(sink.commits_all(30s));
  }
  EXPECT_EQ(sink.stats().refused_lines, 0U);
  const auto rows = influxd_.rows("resmon", "SELECT f FROM m");
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(next));
  for (std::size_t i = 0; i < rows.size(); ++i)
    ASSERT_EQ(rows[i].at(1).to_number<std::int64_t>(), static_cast<std::int64_t>(i));
}

TEST_F(InfluxdbTest, AnUnknownDatabaseIsWaitedForWhenItMayNotBeMade) {
  options_.create_database = false;
  add_integers(0, 3);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
  EXPECT_EQ(sink.stats().state, State::kDenied);
  EXPECT_EQ(sink.stats().last_error, "404 Not Found: database not found: \"resmon\"");
  EXPECT_EQ(source_.committed(), 0U);
  influxd_.query("", "CREATE DATABASE resmon");
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(influxd_.rows("resmon", "SELECT f FROM m").size(), 3U);
}

TEST_F(InfluxdbTest, AnUnknownRetentionPolicyIsWaitedFor) {
  options_.retention_policy = "week";
  add_integers(0, 3);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
  EXPECT_THAT(sink.stats().last_error, HasSubstr("retention policy not found: week"));
  EXPECT_EQ(source_.committed(), 0U);
  influxd_.query("", "CREATE RETENTION POLICY week ON resmon DURATION INF REPLICATION 1");
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(influxd_.rows("resmon", "SELECT f FROM resmon.week.m").size(), 3U);
}

TEST_F(InfluxdbTest, PointsBeyondRetentionAreCounted) {
  influxd_.query("", "CREATE DATABASE resmon WITH DURATION 1h NAME short");
  add_integers(0, 3);  // long ago
  const auto id = schemas_.intern({"now", {}, {{"f", FieldType::kInteger}}}).value();
  auto batch = std::make_shared<Batch>();
  batch->add(id, 1, Clock::system().wall()).set(0, std::int64_t{1});
  source_.add(batch);
  options_.linger = 200ms;
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_lines, 3U);
  EXPECT_EQ(sink.stats().requests, 1U);
  EXPECT_EQ(influxd_.rows("resmon", "SELECT f FROM now").size(), 1U);
}

TEST_F(InfluxdbTest, AWrongPasswordIsTriedUntilItIsMended) {
  Influxd closed(true);
  ASSERT_TRUE(closed.start());
  closed.query("", "CREATE USER admin WITH PASSWORD 'right' WITH ALL PRIVILEGES");
  SinkOptions options = options_for(closed);
  options.username = "admin";
  options.password_file = ::testing::TempDir() + "influxdb_test_password";
  ASSERT_TRUE(write_file_atomically(options.password_file, "wrong"));
  add_integers(0, 3);
  Running sink(options, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
  EXPECT_EQ(sink.stats().state, State::kDenied);
  EXPECT_EQ(sink.stats().last_error, "401 Unauthorized: authorization failed");
  ASSERT_TRUE(write_file_atomically(options.password_file, "right\n"));
  ASSERT_TRUE(sink.commits_all());
  const auto answer = closed.query("resmon", "SELECT count(f) FROM m", "&u=admin&p=right");
  EXPECT_EQ(answer.at_pointer("/results/0/series/0/values/0/1").to_number<std::int64_t>(), 3);
}

// Our decoder and influxd take and refuse the same lines, in the same words.
TEST_F(InfluxdbTest, TheDecoderAgreesWithTheServer) {
  influxd_.query("", "CREATE DATABASE lines");
  std::vector<std::string> lines{"m",
                                 "m ",
                                 "m f",
                                 "m f=",
                                 "m f= 5",
                                 "m f=,g=1",
                                 "m f=1",
                                 "m f=1 5",
                                 "m  f=1  5  ",
                                 "m f=1 5 6",
                                 "m f=1 x",
                                 "m f=1 1.5",
                                 "m f=1,",
                                 "m f=1, 5",
                                 "m f=1,g 5",
                                 "m f=1,=2",
                                 "m =1",
                                 ",a=b f=1",
                                 "m,a f=1",
                                 "m,a= f=1",
                                 "m,=b f=1",
                                 "m, f=1",
                                 "m,a=b=c f=1",
                                 "m,a=b,a=c f=1",
                                 "m,a=b",
                                 "m,a=b ",
                                 "m,a=,b=c f=1",
                                 "m f=NaN",
                                 "m f=nan",
                                 "m f=Inf",
                                 "m f=-Inf",
                                 "m f=-",
                                 "m f=.",
                                 "m f=.5",
                                 "m f=5.",
                                 "m f=1e4",
                                 "m f=1e",
                                 "m f=1E-4",
                                 "m f=1.2.3",
                                 "m f=0x10",
                                 "m f=1.5i",
                                 "m f=+1",
                                 "m f=tru",
                                 "m f=T",
                                 "m f=TRUE",
                                 "m f=False",
                                 "m f=\"a",
                                 "m f=\"a\"",
                                 "m f=\"a\\\"b\"",
                                 "m f=\"a\nb\"",
                                 "m f=\"a\\\\\"",
                                 "m f=9223372036854775808i",
                                 "m f=-9223372036854775808i",
                                 "m f=1e400",
                                 "m f=1 9223372036854775807",
                                 "m f=1 9223372036854775808",
                                 "m f=1 -9223372036854775806",
                                 "# comment",
                                 "",
                                 "a\\ b\\,c,d\\=e=f\\ g h\\ i=1",
                                 "m,p=C:\\x f=1",
                                 "m\\,x f=1",
                                 "m f\\=g=1",
                                 "m f=1,f=2",
                                 "m,t=\"q f=\"r\"",
                                 "m f=1i,g=2,h=t,i=\"s\" 7"};
  int differences = 0;
  for (const std::string& line : lines) {
    // A measurement of its own for each, so that no type conflict of one hides what another is about.
    influxd_.query("", "DROP DATABASE lines");
    influxd_.query("", "CREATE DATABASE lines");
    const auto [status, body] = influxd_.request("POST", "/write?db=lines", line);
    lineproto::LineDecoder decoder(schemas_);
    Batch batch;
    const auto report = decoder.decode(line, {.default_time = kStart}, batch);
    EXPECT_EQ(report.refused_lines == 0, status == 204 || status == 200) << line << "\n"
                                                                         << status << body << report.error_text();
    if (status == 400) {
      boost::system::error_code code;
      const auto parsed = boost::json::parse(body, code);
      const std::string theirs = parsed.at("error").as_string().c_str();
      if (theirs != report.error_text()) {
        ++differences;
        std::printf("wording differs for '%s'\n  theirs: %s\n  ours:   %s\n", line.c_str(), theirs.c_str(),
                    report.error_text().c_str());
      }
    }
  }
  EXPECT_EQ(differences, 0);
}

}  // namespace
}  // namespace resmon::tests
