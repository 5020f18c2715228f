// Sinks and what may stand in the place of their database, or between: log-in pages, proxies, other versions' words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "net/test_support.h"
#include "sink/http_client.h"
#include "sink/sink.h"
#include "sink/test_support.h"

namespace resmon::sink {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::inflated;
using testing::lines_of;
using testing::ListSource;
using testing::reply;
using testing::Request;
using testing::Running;
using namespace std::chrono_literals;

class HostileTest : public testing::SinkTest {};

// What stands between a sink and its database, or in its place, and answers. Nothing is lost, the state is not ok, the
// reason is told, and when the way is clear all of it arrives.
TEST_F(HostileTest, WhateverAnswersInItsPlaceTheDataIsKept) {
  struct Row {
    std::string answer;
    State state;
    std::string reason;
  };
  const std::string html = "<!doctype html>\n<html><title>InfluxDB</title></html>";
  const std::vector<Row> rows{
      {reply(200, html, "Content-Type: text/html\r\n"), State::kDenied, "200 OK, where a database acknowledges"},
      {reply(200, html), State::kDenied, "<!doctype html> <html><title>InfluxDB</title></html>"},
      {reply(200, R"({"error":"not here"})"), State::kDenied, "204: not here"},
      {reply(200, R"({"results":[]})"), State::kDenied, R"({"results":[]})"},
      {reply(200, ""), State::kDenied, "200 OK"},
      {reply(201, ""), State::kDenied, "201 Created"},
      {reply(202, "queued"), State::kDenied, "202 Accepted"},
      {reply(301, "", "Location: https://127.0.0.1/write\r\n"), State::kDenied,
       "301 Moved Permanently, to https://127.0.0.1/write"},
      {reply(302, html, "Location: /login\r\n"), State::kDenied, "302 Found, to /login: <!doctype"},
      {reply(401, html), State::kDenied, "401 Unauthorized"},
      {reply(403, ""), State::kDenied, "403 Forbidden"},
      {reply(404, "404 page not found"), State::kDenied, "404 Not Found: 404 page not found"},
      {reply(405, ""), State::kDenied, "405"},
      {reply(407, ""), State::kDenied, "407 Proxy Authentication Required"},
      {reply(400, "<html>400 Bad Request: plain HTTP to HTTPS port"), State::kDenied, "400 Bad Request: <html>"},
      {reply(400, R"({"error":"unable to parse 'x': missing fields"})"), State::kDenied, "unable to parse"},
      {reply(415, "no gzip"), State::kDenied, "415 Unsupported Media Type: no gzip"},
      {reply(422, ""), State::kDenied, "422 Unprocessable Entity"},
      {reply(500, R"({"error":"engine is closed"})"), State::kRetrying, "500 Internal Server Error: engine is closed"},
      {reply(503, "busy"), State::kRetrying, "503 Service Unavailable: busy"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + testing::kThenClose, State::kRetrying, "connection closed"},
      {"HTTP/1.1 204 No" + testing::kThenClose, State::kRetrying, "connection closed"},
      {"SSH-2.0-OpenSSH\r\n\r\n", State::kRetrying, "read: bad version"},
  };
  for (const bool gzip : {false, true})
    for (const Row& row : rows) {
      SCOPED_TRACE(row.answer);
      std::atomic<bool> clear = false;
      std::atomic<int> stored = 0;
      FakeServer server([&](const Request& request) {
        if (!clear) return row.answer;
        stored += static_cast<int>(lines_of(gzip ? inflated(request.body) : request.body).size());
        return reply(204, "");
      });
      ListSource source;
      auto batch = std::make_shared<metric::Batch>();
      for (std::int64_t i = 0; i < 100; ++i) batch->add(schema_, 1, i).set(0, i);
      source.add(std::move(batch));
      options_.url = server.url();
      options_.gzip = gzip;
      Running sink(options_, schemas_, source);
      ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
      const Stats failing = sink.stats();
      EXPECT_EQ(failing.state, row.state);
      EXPECT_THAT(failing.last_error, HasSubstr(row.reason));
      EXPECT_GT(failing.last_error_time, 0);
      EXPECT_GT(failing.failing_since, 0);
      EXPECT_EQ(failing.refused_lines, 0U);
      EXPECT_EQ(failing.sent_samples, 0U);
      EXPECT_LT(failing.requests, 40U * (failing.retries + 1));  // not one for each line
      EXPECT_EQ(source.committed(), 0U);
      clear = true;
      ASSERT_TRUE(sink.commits_all());
      EXPECT_EQ(stored, 100);
      const Stats well = sink.stats();
      EXPECT_EQ(well.state, State::kOk);
      EXPECT_EQ(well.last_error, "");
      EXPECT_EQ(well.last_error_time, 0);
      EXPECT_EQ(well.failing_since, 0);
      EXPECT_EQ(well.refused_lines, 0U);
    }
}

TEST_F(HostileTest, PointsBeyondRetentionAreCountedWithoutSearchingWhateverTheVersion) {
  const std::vector<std::pair<int, std::string>> rows{
      {400, R"({"error":"partial write: points beyond retention policy dropped=3"})"},
      {422,
       R"({"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=3"})"},
      {422,
       R"({"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h0m0s - oldest point m at 1970 dropped because it violates a Retention Policy Lower Bound dropped=3"})"},
      {500,
       R"({"code":"internal error","message":"unexpected error writing points to database: partial write: points beyond retention policy dropped=3"})"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.second);
    FakeServer server([&](const Request&) { return reply(row.first, row.second); });
    ListSource source;
    auto batch = std::make_shared<metric::Batch>();
    for (std::int64_t i = 0; i < 4; ++i) batch->add(schema_, 1, i).set(0, i);
    source.add(std::move(batch));
    options_.url = server.url();
    Running sink(options_, schemas_, source);
    ASSERT_TRUE(sink.commits_all());
    EXPECT_EQ(server.requests().size(), 1U);
    const Stats stats = sink.stats();
    EXPECT_EQ(stats.state, State::kOk);
    EXPECT_EQ(stats.refused_lines, 3U);
    EXPECT_EQ(stats.refused_samples, 3U);
    EXPECT_EQ(stats.sent_samples, 1U);
    EXPECT_EQ(stats.last_error, "");
    EXPECT_THAT(stats.last_refusal, HasSubstr("retention policy"));
    EXPECT_GT(stats.last_refusal_time, 0);
  }
}

// Points beyond the retention policy are only counted, and a log that sends somebody to a file without them is wrong.
TEST_F(HostileTest, TheLogNamesTheFileOnlyWhereRefusedLinesAreInIt) {
  const std::string file = ::testing::TempDir() + "hostile_test_named";
  const std::vector<std::pair<std::string, std::string>> rows{
      {R"({"error":"partial write: points beyond retention policy dropped=1"})", "kept_in=nowhere"},
      {R"({"error":"partial write: field type conflict: x dropped=1"})", "kept_in=" + file},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.first);
    std::filesystem::remove(file);
    FakeServer server([&](const Request& request) {
      return request.body.find("m f=0i") != std::string::npos ? reply(204, "") : reply(400, row.first);
    });
    ListSource source;
    options_.url = server.url();
    options_.refused_file = file;
    log::keep_recent(20);
    {
      Running sink(options_, schemas_, source);
      for (std::int64_t i = 0; i < 2; ++i) {
        auto batch = std::make_shared<metric::Batch>();
        batch->add(schema_, 1, i).set(0, i);
        source.add(std::move(batch));
        ASSERT_TRUE(sink.commits_all());
      }
    }
    std::vector<std::string> texts;
    for (const log::Event& event : log::recent(0, log::Level::kWarn, 20)) texts.push_back(event.text);
    log::keep_recent(0);
    EXPECT_THAT(texts, ElementsAre(HasSubstr(row.second)));
    EXPECT_EQ(std::filesystem::exists(file), row.second.ends_with(file));
  }
}

// As influxd 1.x does it: the rest is stored, and the answer has the number of the others.
TEST_F(HostileTest, TypeConflictsOfManyLinesAreFoundWithABoundedNumberOfRequests) {
  std::set<std::string> taken;
  FakeServer server([&](const Request& request) {
    int dropped = 0;
    for (const std::string& line : lines_of(request.body)) {
      if (std::stoi(line.substr(4)) % 2 == 1)
        ++dropped;
      else
        taken.insert(line);
    }
    return dropped == 0 ? reply(204, "")
                        : reply(400, R"({"error":"partial write: field type conflict: x dropped=)" +
                                         std::to_string(dropped) + "\"}");
  });
  options_.url = server.url();
  options_.refused_file = ::testing::TempDir() + "hostile_test_conflicts";
  std::filesystem::remove(options_.refused_file);
  auto batch = std::make_shared<metric::Batch>();
  for (std::int64_t i = 0; i < 4000; ++i) batch->add(schema_, 1, i).set(0, i);
  source_.add(batch);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(taken.size(), 2000U);
  const Stats stats = sink.stats();
  EXPECT_EQ(stats.refused_lines, 2000U);
  EXPECT_EQ(stats.refused_samples, 2000U);
  EXPECT_LT(stats.requests, 300U);
  // Each of the dropped is in the file.
  std::set<std::string> kept;
  for (const std::string& line : lines_of(read_file(options_.refused_file).value())) kept.insert(line);
  for (int i = 1; i < 4000; i += 2) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(kept.count("m f=" + number + "i " + number), 1U) << i;
  }
}

TEST_F(HostileTest, AllLinesInConflictTakeOneRequest) {
  FakeServer server([&](const Request& request) {
    return request.body.find("m f=0i") != std::string::npos
               ? reply(204, "")
               : reply(
                     422,
                     R"({"message":"failure writing points to database: partial write: field type conflict: x dropped=)" +
                         std::to_string(lines_of(request.body).size()) + "\"}");
  });
  options_.url = server.url();
  add({0});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  auto batch = std::make_shared<metric::Batch>();
  for (std::int64_t i = 1; i <= 1000; ++i) batch->add(schema_, 1, i).set(0, i);
  source_.add(batch);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_lines, 1000U);
  EXPECT_EQ(server.requests().size(), 2U);
}

// A box in between drops "Content-Encoding: gzip".
class StrippingServer : public FakeServer {
 public:
  explicit StrippingServer(const std::string& bad = "none", std::atomic<bool>* strips = nullptr)
      : FakeServer([this, bad, strips](const Request& request) {
          std::string body = request.body;
          if (body.starts_with("\x1f\x8b")) {
            if (strips == nullptr || *strips)
              return reply(400, R"({"code":"invalid","message":"unable to parse '\u001f\ufffd\b': missing fields"})");
            body = inflated(body);
          }
          if (body.find(bad) != std::string::npos)
            return reply(400, R"({"code":"invalid","message":"unable to parse 'm': bad"})");
          for (const std::string& line : lines_of(body)) taken.insert(line);
          return reply(204, "");
        }) {}
  std::set<std::string> taken;
};

TEST_F(HostileTest, WhereCompressionDoesNotGetThroughItIsLeftOut) {
  StrippingServer server;
  options_.url = server.url();
  options_.gzip = true;
  auto batch = std::make_shared<metric::Batch>();
  for (std::int64_t i = 0; i < 4015; ++i) batch->add(schema_, 1, i).set(0, i);
  source_.add(batch);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(server.taken.size(), 4015U);
  EXPECT_EQ(sink.stats().refused_lines, 0U);
  EXPECT_EQ(server.requests().size(), 2U);
  add({5000});
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(server.requests().size(), 3U);  // it has learnt
}

TEST_F(HostileTest, WhereCompressionDoesNotGetThroughABadLineIsFoundAllTheSame) {
  StrippingServer server("m f=77i ");
  options_.url = server.url();
  options_.gzip = true;
  auto batch = std::make_shared<metric::Batch>();
  for (std::int64_t i = 0; i < 1000; ++i) batch->add(schema_, 1, i).set(0, i);
  source_.add(batch);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(server.taken.size(), 999U);
  EXPECT_EQ(sink.stats().refused_lines, 1U);
}

TEST_F(HostileTest, ABoxThatComesInBetweenLaterLosesNothing) {
  std::atomic<bool> strips = false;
  StrippingServer server("none", &strips);
  options_.url = server.url();
  options_.gzip = true;
  add({1, 2, 3});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  strips = true;
  add({4, 5, 6});
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(server.taken.size(), 6U);
  EXPECT_EQ(sink.stats().refused_lines, 0U);
}

TEST_F(HostileTest, ManyBadLinesAtTheStartDoNotKeepFromTheGoodOnes) {
  FakeServer server([&](const Request& request) {
    for (const std::string& line : lines_of(request.body))
      if (line.starts_with("m f=9"))
        return reply(400, R"({"code":"invalid","message":"unable to parse 'm f=9': why not"})");
    return reply(204, "");
  });
  options_.url = server.url();
  auto batch = std::make_shared<metric::Batch>();
  for (std::int64_t i = 900; i < 1000; ++i) batch->add(schema_, 1, i).set(0, i);
  for (std::int64_t i = 1000; i < 1400; ++i) batch->add(schema_, 1, i).set(0, i);
  source_.add(batch);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_lines, 100U);
  EXPECT_EQ(sink.stats().sent_samples, 400U);
}

TEST_F(HostileTest, ItAsksWhoIsThereBeforeItSends) {
  std::vector<std::string> asked;
  std::atomic<int> writes = 0;
  FakeServer server(
      [&](const Request&) {
        ++writes;
        return reply(204, "");
      },
      [&](const Request& request) {
        asked.push_back(request.target + " " + request.headers.at("authorization"));
        return request.target == "/base/ping" ? reply(404, "404 page not found")
                                              : reply(200, R"({"name":"influxdb","status":"pass","version":"v2.9.1"})");
      });
  options_.url = server.url("/base");
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().server_version == "InfluxDB v2.9.1"; }));
  EXPECT_THAT(asked, ElementsAre("/base/ping Token secret", "/base/health Token secret"));
  EXPECT_EQ(sink.stats().state, State::kConnecting);  // until something is stored
  EXPECT_EQ(writes, 0);
  add({1});
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().state, State::kOk);
  EXPECT_EQ(asked.size(), 2U);
}

TEST_F(HostileTest, WithoutASampleADatabaseThatIsAwayIsTold) {
  std::uint16_t port = 0;
  {
    FakeServer gone([](const Request&) { return reply(204, ""); });
    port = gone.port();
  }
  options_.url = "http://127.0.0.1:" + std::to_string(port);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().state == State::kRetrying; }));
  EXPECT_THAT(sink.stats().last_error, HasSubstr("connect: Connection refused"));
}

TEST_F(HostileTest, StopsAtOnceWhileItAsksWhoIsThere) {
  std::atomic<bool> asked = false;
  std::atomic<bool> done = false;
  FakeServer server([](const Request&) { return reply(204, ""); },
                    [&](const Request&) {
                      asked = true;
                      while (!done) std::this_thread::sleep_for(1ms);
                      return std::string();
                    });
  options_.url = server.url();
  options_.timeout = 30s;
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return asked.load(); }));
  sink.stop(20s);
  EXPECT_TRUE(sink.ends_within(10s));
  done = true;
}

TEST_F(HostileTest, ASilentAddressOfTheDatabasesNameDoesNotKeepFromTheOther) {
  FakeServer server([](const Request& request) { return reply(204, request.body); });
  const net::testing::BlackHole silent("127.0.0.9", server.port());
  ASSERT_EQ(silent.port(), server.port());
  asio::io_context context;
  HttpClientOptions options;
  int resolved = 0;
  options.resolver = [&](const net::Address& address) {
    ++resolved;
    return std::vector<asio::ip::tcp::endpoint>{{asio::ip::make_address("127.0.0.9"), address.port},
                                                {asio::ip::make_address("127.0.0.1"), address.port}};
  };
  Url url;
  url.host = "dual.example";
  url.port = server.port();
  auto client = make_http_client(context.get_executor(), url, options).value();
  std::string answers;
  const auto twice = [&]() -> asio::awaitable<void> {
    HttpRequest request;
    request.target = "/write";
    for (int i = 0; i < 2; ++i) {
      const auto answer = co_await client->send(request);
      answers += answer ? std::to_string(answer->status) + " " : answer.error().message;
      client->close();
    }
  };
  auto done = asio::co_spawn(context, twice(), asio::use_future);
  context.run_for(25s);
  EXPECT_EQ(answers, "204 204 ");
  EXPECT_EQ(resolved, 2);
}

}  // namespace
}  // namespace resmon::sink
