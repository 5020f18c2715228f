#include "sink/sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/file.h"
#include "sink/test_support.h"

namespace resmon::sink {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::inflated;
using testing::lines_of;
using testing::ListSource;
using testing::reply;
using testing::Request;
using testing::Running;
using testing::SinkTest;
using namespace std::chrono_literals;

TEST_F(SinkTest, WritesVersion2) {
  FakeServer server([](const Request&) { return reply(204, ""); });
  options_.url = server.url("/base/");
  options_.org = "my org";
  add({1, 2});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].target, "/base/api/v2/write?bucket=b&org=my%20org&precision=ns");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Token secret");
  EXPECT_EQ(requests[0].body, "m f=1i 1\nm f=2i 2\n");
  const Stats stats = sink.stats();
  EXPECT_EQ(stats.state, State::kOk);
  EXPECT_EQ(stats.sent_samples, 2U);
  EXPECT_EQ(stats.lag_seconds, 0);
}

TEST_F(SinkTest, CompressesAndKeepsItsConnection) {
  FakeServer server([](const Request&) { return reply(204, ""); });
  options_.url = server.url();
  options_.gzip = true;
  options_.linger = 0s;
  for (int i = 0; i < 5; ++i) add({i});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  std::string all;
  for (const Request& request : server.requests()) {
    EXPECT_EQ(request.headers.at("content-encoding"), "gzip");
    EXPECT_EQ(request.connection, 1);
    all += inflated(request.body);
  }
  EXPECT_EQ(all, "m f=0i 0\nm f=1i 1\nm f=2i 2\nm f=3i 3\nm f=4i 4\n");
  EXPECT_EQ(server.requests().size(), 5U);
}

TEST_F(SinkTest, LingeringGathersItemsAndSizeEndsIt) {
  FakeServer server([](const Request&) { return reply(204, ""); });
  options_.url = server.url();
  options_.linger = 10s;
  options_.batch_bytes = 4096;
  for (int i = 0; i < 100; ++i) add({i});  // not enough to fill a batch
  Running sink(options_, schemas_, source_);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(server.requests().size(), 0U);
  EXPECT_GT(sink.stats().lag_seconds, 0);
  for (int i = 0; i < 300; ++i) add({i + 1000});
  ASSERT_TRUE(sink.becomes([&] { return server.requests().size() == 1; }));
  EXPECT_GE(server.requests()[0].body.size(), 4096U);
  EXPECT_LT(server.requests()[0].body.size(), 4200U);
}

TEST_F(SinkTest, BusyServersAreTriedAgainAfterRetryAfter) {
  const std::vector<int> statuses{429, 503, 500, 502, 504, 204};
  std::atomic<std::size_t> count = 0;
  FakeServer server([&](const Request&) {
    const int status = statuses[std::min(count++, statuses.size() - 1)];
    return reply(status, "busy\n", status == 429 ? "Retry-After: 1\r\n" : "");
  });
  options_.url = server.url();
  add({1});
  const auto begin = std::chrono::steady_clock::now();
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries == 1; }));
  EXPECT_EQ(sink.stats().state, State::kRetrying);
  EXPECT_EQ(sink.stats().last_error, "429 Too Many Requests: busy");
  EXPECT_EQ(source_.committed(), 0U);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
  EXPECT_EQ(sink.stats().retries, 5U);
  EXPECT_EQ(sink.stats().sent_samples, 1U);
  for (const Request& request : server.requests()) EXPECT_EQ(request.body, "m f=1i 1\n");
}

TEST_F(SinkTest, DeniedDataIsKeptAndANewTokenIsReadFromItsFile) {
  const std::string path = ::testing::TempDir() + "sink_test_token";
  ASSERT_TRUE(write_file_atomically(path, "old\n"));
  FakeServer server([](const Request& request) {
    return request.headers.at("authorization") == "Token new"
               ? reply(204, "")
               : reply(401, R"({"code":"unauthorized","message":"unauthorized access"})");
  });
  options_.url = server.url();
  options_.token.clear();
  options_.token_file = path;
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().state == State::kDenied; }));
  EXPECT_EQ(sink.stats().last_error, "401 Unauthorized: unauthorized access");
  EXPECT_EQ(source_.committed(), 0U);
  ASSERT_TRUE(write_file_atomically(path, "new\n"));
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().state, State::kOk);
}

TEST_F(SinkTest, TooLargeIsSentInHalves) {
  std::multiset<std::string> taken;
  FakeServer server([&](const Request& request) {
    if (request.body.size() > 20) return reply(413, R"({"code":"request too large","message":"too large"})");
    for (const std::string& line : lines_of(request.body)) taken.insert(line);
    return reply(204, "");
  });
  options_.url = server.url();
  options_.refused_file = ::testing::TempDir() + "sink_test_too_large";
  std::filesystem::remove(options_.refused_file);
  add({1, 2, 3, 1234567890123, 5});  // the fourth is too large even alone
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_THAT(taken, ElementsAre("m f=1i 1", "m f=2i 2", "m f=3i 3", "m f=5i 5"));
  EXPECT_EQ(sink.stats().refused_lines, 1U);
  EXPECT_THAT(read_file(options_.refused_file).value(), HasSubstr("m f=1234567890123i 1234567890123\n"));
}

TEST_F(SinkTest, RefusedLinesAreIsolatedAndSetAside) {
  std::multiset<std::string> taken;
  FakeServer server([&](const Request& request) {
    for (const std::string& line : lines_of(request.body))  // as 2.x: the whole batch is rejected
      if (line.starts_with("m f=13i") || line.starts_with("m f=77i"))
        return reply(400, R"({"code":"invalid","message":"unable to parse '…': bad \"luck\""})");
    for (const std::string& line : lines_of(request.body)) taken.insert(line);
    return reply(204, "");
  });
  options_.url = server.url();
  options_.refused_file = ::testing::TempDir() + "sink_test_refused";
  std::filesystem::remove(options_.refused_file);
  auto batch = std::make_shared<metric::Batch>();
  for (std::int64_t i = 0; i < 100; ++i) batch->add(schema_, 1, i).set(0, i);
  source_.add(batch);
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(taken.size(), 98U);
  EXPECT_EQ(std::set<std::string>(taken.begin(), taken.end()).size(), 98U);
  const Stats stats = sink.stats();
  EXPECT_EQ(stats.refused_lines, 2U);
  EXPECT_EQ(stats.refused_samples, 2U);
  EXPECT_EQ(stats.sent_samples, 98U);
  EXPECT_LT(stats.requests, 40U);
  const auto kept = lines_of(read_file(options_.refused_file).value());
  ASSERT_EQ(kept.size(), 4U);
  EXPECT_THAT(kept[0], HasSubstr("400 Bad Request: unable to parse '…': bad \"luck\""));
  EXPECT_EQ(kept[1], "m f=13i 13");
  EXPECT_EQ(kept[3], "m f=77i 77");
}

TEST_F(SinkTest, A422SetsAsideWhatConflicts) {
  FakeServer server([&](const Request& request) {
    return request.body.find("m f=2i") == std::string::npos
               ? reply(204, "")
               : reply(422, R"({"code":"unprocessable entity","message":"failure writing points to database"})");
  });
  options_.url = server.url();
  add({1, 2, 3});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().sent_samples, 2U);
  EXPECT_EQ(sink.stats().refused_lines, 1U);
}

TEST_F(SinkTest, A400ThatIsNotAboutLinesLosesNothing) {
  std::atomic<bool> mended = false;
  FakeServer server([&](const Request&) {
    return mended ? reply(204, "") : reply(400, "<html>The plain HTTP request was sent to HTTPS port</html>");
  });
  options_.url = server.url();
  add({1, 2, 3});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
  EXPECT_EQ(sink.stats().state, State::kDenied);
  EXPECT_EQ(source_.committed(), 0U);
  mended = true;
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_lines, 0U);
  EXPECT_EQ(sink.stats().sent_samples, 3U);
}

TEST_F(SinkTest, ALineRefusedWithoutAReasonIsSetAsideWhenItsNeighboursAreTaken) {
  FakeServer server([&](const Request& request) {
    return request.body.find("m f=1i") == std::string::npos ? reply(204, "") : reply(400, "no");
  });
  options_.url = server.url();
  add({1, 2, 3});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_lines, 1U);
  EXPECT_EQ(sink.stats().sent_samples, 2U);
}

TEST_F(SinkTest, Version1CreatesItsDatabaseOnceAndUsesBasicAuthorization) {
  std::atomic<bool> created = false;
  FakeServer server([&](const Request& request) {
    if (request.target.starts_with("/query")) {
      created = true;
      return reply(200, R"({"results":[{"statement_id":0}]})");
    }
    return created ? reply(204, "") : reply(404, "{\"error\":\"database not found: \\\"my db\\\"\"}\n");
  });
  options_ = {};
  options_.resend_window = 0s;
  options_.linger = 5ms;
  options_.url = "http://user:p%40ss@127.0.0.1:" + std::to_string(server.port());
  options_.gzip = false;
  options_.database = "my db";
  options_.retention_policy = "week";
  options_.precision = "s";
  add({5'000'000'000});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].target, "/write?db=my%20db&rp=week&precision=s");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Basic dXNlcjpwQHNz");
  EXPECT_EQ(requests[1].target, "/query");
  EXPECT_EQ(requests[1].body, "q=CREATE%20DATABASE%20%22my%20db%22");
  EXPECT_EQ(requests[2].body, "m f=5000000000i 5\n");
}

TEST_F(SinkTest, ABucketThatIsMissingIsKeptFor) {
  std::atomic<bool> made = false;
  FakeServer server([&](const Request&) {
    return made ? reply(204, "") : reply(404, R"({"code":"not found","message":"bucket \"b\" not found"})");
  });
  options_.url = server.url();
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
  EXPECT_EQ(sink.stats().state, State::kDenied);
  EXPECT_EQ(sink.stats().last_error, "404 Not Found: bucket \"b\" not found");
  made = true;
  ASSERT_TRUE(sink.commits_all());
}

TEST_F(SinkTest, BrokenAnswersAreNoAcceptance) {
  const std::vector<std::string> answers{
      "",                                                 // closed without a word
      "HTTP/1.1 204 No Content",                          // in the middle of the head
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",  // truncated body
      "SMTP hello\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",  // head without end
  };
  std::atomic<std::size_t> count = 0;
  FakeServer server([&](const Request&) {
    const std::size_t i = count++;
    if (i >= answers.size()) return reply(204, "");
    return answers[i].empty() ? std::string() : answers[i] + testing::kThenClose;
  });
  options_.url = server.url();
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_GE(sink.stats().retries, answers.size() - 1);
  EXPECT_EQ(sink.stats().sent_samples, 1U);
}

TEST_F(SinkTest, AnEndlessErrorBodyIsCutOff) {
  std::atomic<bool> mended = false;
  FakeServer server([&](const Request&) { return mended ? reply(204, "") : reply(503, std::string(5'000'000, 'x')); });
  options_.url = server.url();
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries > 0; }));
  EXPECT_THAT(sink.stats().last_error, HasSubstr("503 Service Unavailable: xxx"));
  EXPECT_LT(sink.stats().last_error.size(), 600U);
  mended = true;
  ASSERT_TRUE(sink.commits_all());
}

TEST_F(SinkTest, ASilentServerIsLeftAfterTheTimeout) {
  std::atomic<bool> left = false;
  FakeServer server([&](const Request&) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!left && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    return reply(204, "");
  });
  options_.url = server.url();
  options_.timeout = 100ms;
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 1; }));
  EXPECT_THAT(sink.stats().last_error, HasSubstr("read: timed out"));
  left = true;
  ASSERT_TRUE(sink.commits_all());
}

TEST_F(SinkTest, AConnectionClosedWhileIdleCostsNoRetry) {
  FakeServer server([](const Request& request) {
    // The first connection is closed after its answer without saying so.
    return request.connection == 1 ? "HTTP/1.1 204 No Content\r\n\r\n" + testing::kThenClose : reply(204, "");
  });
  options_.url = server.url();
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  add({2});
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().retries, 0U);
}

// How often each line was accepted.
std::map<std::string, int> times_accepted(const std::vector<Request>& requests) {
  std::map<std::string, int> times;
  for (const Request& request : requests)
    for (const std::string& line : lines_of(request.body)) ++times[line];
  return times;
}

TEST_F(SinkTest, WhatADatabaseMayHaveForgottenIsSentAgain) {
  std::atomic<bool> killed = false;
  FakeServer server([&](const Request&) { return killed.exchange(false) ? "" : reply(204, ""); });
  options_.url = server.url();
  options_.resend_window = 1h;
  add({1});
  add({2});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().sent_samples == 2; }));
  EXPECT_EQ(source_.committed(), 0U);
  EXPECT_EQ(sink.stats().resent_samples, 0U);
  killed = true;
  add({3});
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().resent_samples == 3; }));
  EXPECT_EQ(sink.stats().sent_samples, 6U);
  EXPECT_EQ(source_.committed(), 0U);
  add({4});
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().sent_samples == 7; }));
  EXPECT_EQ(sink.stats().resent_samples, 3U);
  EXPECT_EQ(sink.stats().lag_seconds, 0);
}

TEST_F(SinkTest, AGatewayWithoutItsDatabaseMeansTheSame) {
  std::atomic<int> away = 0;
  FakeServer server([&](const Request&) {
    return away > 0 && --away >= 0 ? reply(503, "<h1>No server is available</h1>") : reply(204, "");
  });
  options_.url = server.url();
  options_.resend_window = 1h;
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().sent_samples == 1; }));
  away = 2;
  add({2});
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().resent_samples == 2; }));
}

TEST_F(SinkTest, TheCursorFollowsAWindowBehind) {
  FakeServer server([](const Request&) { return reply(204, ""); });
  options_.url = server.url();
  options_.resend_window = 100ms;
  const auto began = std::chrono::steady_clock::now();
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  EXPECT_GE(std::chrono::steady_clock::now() - began, 100ms);
  EXPECT_EQ(sink.stats().resent_samples, 0U);
}

TEST_F(SinkTest, ADatabaseThatClosesEachConnectionGetsThingsSeveralTimesAtMost) {
  FakeServer server([](const Request&) { return "HTTP/1.1 204 No Content\r\n\r\n" + testing::kThenClose; });
  options_.url = server.url();
  options_.resend_window = 60ms;
  options_.linger = 0s;
  Running sink(options_, schemas_, source_);
  for (int i = 0; i < 100; ++i) {
    add({i});
    ASSERT_TRUE(sink.becomes([&] { return sink.stats().sent_samples > static_cast<std::uint64_t>(i); }));
  }
  ASSERT_TRUE(sink.commits_all()) << source_.committed() << " of " << source_.size() << " committed, "
                                  << sink.stats().requests << " requests, " << sink.stats().resent_samples
                                  << " sent again, last error: " << sink.stats().last_error;
  for (const auto& [line, times] : times_accepted(server.requests())) EXPECT_LE(times, 1 + 8 + 1) << line;
}

TEST_F(SinkTest, RefusedLinesAreSetAsideOnce) {
  std::atomic<bool> killed = false;
  FakeServer server([&](const Request& request) {
    if (killed.exchange(false)) return std::string();
    return request.body.find("f=2i") == std::string::npos ? reply(204, "") : reply(422, "conflict");
  });
  options_.url = server.url();
  options_.resend_window = 1h;
  add({1, 2});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().refused_lines == 1; }));
  killed = true;
  add({3});
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().resent_samples == 2; }));
  EXPECT_EQ(sink.stats().refused_lines, 1U);
}

TEST_F(SinkTest, ADatabaseThatKeepsRepeatsIsWarnedOf) {
  FakeServer server([](const Request&) { return reply(204, ""); },
                    [](const Request& request) {
                      return request.target == "/flags" ? reply(200, "-storageDataPath=\"/data\"\n") : reply(204, "");
                    });
  options_.url = server.url();
  options_.resend_window = 1h;
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().sent_samples == 1; }));
  EXPECT_THAT(sink.stats().warning, HasSubstr("-dedup.minScrapeInterval=1ms"));
}

TEST_F(SinkTest, AServerThatIsAwayIsWaitedForAndStopLeavesTheRestUncommitted) {
  std::uint16_t port = 0;
  {
    FakeServer gone([](const Request&) { return reply(204, ""); });
    port = gone.port();
  }
  options_.url = "http://127.0.0.1:" + std::to_string(port);
  add({1});
  {
    Running sink(options_, schemas_, source_);
    ASSERT_TRUE(sink.becomes([&] { return sink.stats().retries >= 2; }));
    EXPECT_EQ(sink.stats().state, State::kRetrying);
    EXPECT_THAT(sink.stats().last_error, HasSubstr("connect: Connection refused"));
    EXPECT_GT(sink.stats().lag_seconds, 0);
    sink.stop(10s);
    EXPECT_TRUE(sink.ends_within(2s));  // the server is away: no point in draining
  }
  EXPECT_EQ(source_.committed(), 0U);
  FakeServer server([](const Request&) { return reply(204, ""); });
  options_.url = server.url();
  source_.rewind();
  Running again(options_, schemas_, source_);
  ASSERT_TRUE(again.commits_all());
}

TEST_F(SinkTest, StopDeliversWhatIsThere) {
  FakeServer server([](const Request&) { return reply(204, ""); });
  options_.url = server.url();
  options_.linger = 3600s;
  for (int i = 0; i < 50; ++i) add({i});
  Running sink(options_, schemas_, source_);
  std::this_thread::sleep_for(50ms);  // now it lingers
  EXPECT_EQ(source_.committed(), 0U);
  sink.stop(5s);
  EXPECT_TRUE(sink.ends_within(3s));
  EXPECT_EQ(source_.committed(), 50U);
}

TEST_F(SinkTest, StopEndsAtItsDeadlineWhateverTheServerDoes) {
  FakeServer server([](const Request&) {
    std::this_thread::sleep_for(1s);
    return reply(204, "");
  });
  options_.url = server.url();
  options_.timeout = 30s;
  add({1});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.becomes([&] { return sink.stats().requests == 1; }));
  sink.stop(100ms);
  EXPECT_TRUE(sink.ends_within(800ms));
  EXPECT_EQ(source_.committed(), 0U);
}

TEST_F(SinkTest, OptionsThatCannotWorkAreErrors) {
  const auto error = [&](const std::function<void(SinkOptions&)>& change) {
    SinkOptions options = options_;
    change(options);
    boost::asio::io_context context;
    const auto made = Sink::make(context.get_executor(), options, schemas_, source_);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(error([](SinkOptions& o) { o.url = "localhost:8086"; }),
            "sink influx: url: must begin with http:// or https://");
  EXPECT_EQ(error([](SinkOptions& o) { o.url = "http://:1"; }), "sink influx: url: no host");
  EXPECT_EQ(error([](SinkOptions& o) { o.url = "http://h:99999"; }),
            "sink influx: url: no port from 1 to 65535 behind the host");
  EXPECT_EQ(error([](SinkOptions& o) { o.version = "3"; }), "sink influx: version: must be auto, 1 or 2");
  EXPECT_EQ(error([](SinkOptions& o) { o.precision = "us"; }), "sink influx: precision: must be ns, ms or s");
  EXPECT_EQ(error([](SinkOptions& o) {
              o.bucket.clear();
              o.database.clear();
            }),
            "sink influx: bucket: must not be empty for version 2");
  EXPECT_EQ(error([](SinkOptions& o) { o.token = "a\r\nX: y"; }),
            "sink influx: token_file contains control characters");
  EXPECT_THAT(error([](SinkOptions& o) {
                o.token.clear();
                o.token_file = "/nonexistent";
              }),
              HasSubstr("token_file: /nonexistent: No such file"));
  EXPECT_THAT(error([](SinkOptions& o) {
                o.url = "https://h";
                o.tls_ca_file = "/nonexistent";
              }),
              HasSubstr("tls_ca_file: /nonexistent"));
}

}  // namespace
}  // namespace resmon::sink
