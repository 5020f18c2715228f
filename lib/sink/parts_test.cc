// The pure parts of the sink.

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "sink/answer.h"
#include "sink/block.h"
#include "sink/endpoint.h"
#include "sink/refused_file.h"

namespace resmon::sink {
namespace {

using namespace std::chrono_literals;

TEST(UrlTest, TakesApart) {
  const Url url = parse_url("https://me:a%2Fb@[::1]:8443/insert/0/influx/").value();
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.path, "/insert/0/influx");
  EXPECT_EQ(url.user, "me");
  EXPECT_EQ(url.password, "a/b");
  EXPECT_EQ(url.authority(), "[::1]:8443");
  EXPECT_EQ(parse_url("http://db").value().port, 80);
  for (const char* wrong : {"", "http://", "ftp://x", "http://x:", "http://x:0", "http://x:1a", "http://[::1",
                            "http://a b", "http://x/?q", "http://u%4@h", "http://u%zz@h", "http://x\r\ny"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

TEST(EndpointTest, VersionFollowsWhatIsGiven) {
  SinkOptions options;
  EXPECT_EQ(make_endpoint(options).value().version, 1);
  EXPECT_EQ(make_endpoint(options).value().authorization, "");
  options.bucket = "b";
  EXPECT_EQ(make_endpoint(options).value().version, 2);
  options.version = "1";
  EXPECT_EQ(make_endpoint(options).value().write_target, "/write?db=resmon&precision=ns");
}

// So that its keys can be set one after the other, in any order.
TEST(EndpointTest, ATokenAloneIsASink) {
  SinkOptions options;
  options.token = "t";
  EXPECT_EQ(make_endpoint(options).value().write_target, "/api/v2/write?bucket=resmon&precision=ns");
  options.org = "o";
  EXPECT_EQ(make_endpoint(options).value().write_target, "/api/v2/write?bucket=resmon&org=o&precision=ns");
}

TEST(Base64Test, PadsAsTheStandardSays) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(AnswerTest, VictoriaMetricsSaysWhetherItKeepsRepeats) {
  EXPECT_TRUE(keeps_repeats("-httpListenAddr=\":8428\"\n-storageDataPath=\"/data\"\n"));
  EXPECT_TRUE(keeps_repeats("-dedup.minScrapeInterval=\"0s\"\n"));
  EXPECT_FALSE(keeps_repeats("-dedup.minScrapeInterval=\"1ms\"\n-storageDataPath=\"/data\"\n"));
  EXPECT_FALSE(keeps_repeats("-storageNode=\"a:8400,b:8400\"\n"));
  EXPECT_FALSE(keeps_repeats("<!doctype html>"));
  EXPECT_FALSE(keeps_repeats(""));
}

TEST(AnswerTest, MessagesOfAllShapes) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"{\"error\":\"database not found: \\\"x\\\"\"}\n", "database not found: \"x\""},
      {R"({"code":"invalid","message":"a\nb"})", "a b"},
      {R"({ "message" : "caf\u00e9" })", "café"},
      {"plain text\r\n", "plain text"},
      {R"({"error":5})", R"({"error":5})"},
      {R"({"error":"open)", "open"},
      {R"({"error":"\)", "\\"},
      {R"({"error":"\u00)", "u00"},
      {"", ""},
      {"{", "{"},
  };
  for (const auto& [body, want] : rows) EXPECT_EQ(error_message(body), want) << body;
  EXPECT_LT(error_message(std::string(100'000, 'x')).size(), 500U);
}

HttpAnswer answer_of(int status, const std::string& body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = body;
  return answer;
}

TEST(AnswerTest, Verdicts) {
  const auto verdict = [](int status, const std::string& body) {
    return meaning_of(answer_of(status, body), 0).verdict;
  };
  EXPECT_EQ(verdict(204, ""), Verdict::kAccepted);
  EXPECT_EQ(verdict(404, R"({"error":"database not found: \"x\""})"), Verdict::kNoDatabase);
  EXPECT_EQ(verdict(404, "404 page not found"), Verdict::kDenied);
  EXPECT_EQ(verdict(401, ""), Verdict::kDenied);
  EXPECT_EQ(verdict(403, ""), Verdict::kDenied);
  EXPECT_EQ(verdict(413, ""), Verdict::kTooLarge);
  EXPECT_EQ(verdict(415, ""), Verdict::kRefused);
  EXPECT_EQ(verdict(429, ""), Verdict::kRetry);
  EXPECT_EQ(verdict(500, "disk full"), Verdict::kRetry);
  EXPECT_EQ(verdict(599, ""), Verdict::kRetry);
  EXPECT_EQ(verdict(422, ""), Verdict::kRefused);
  EXPECT_EQ(verdict(400, R"({"error":"partial write: field type conflict: x dropped=1"})"), Verdict::kRefused);
}

TEST(AnswerTest, NothingBut204IsTheReceiptOfAWrite) {
  for (int status = 100; status < 400; ++status)
    if (status != 204) {
      EXPECT_EQ(meaning_of(answer_of(status, ""), 0).verdict, Verdict::kDenied) << status;
    }
  const auto reason = [](int status, const std::string& body) { return meaning_of(answer_of(status, body), 0).reason; };
  EXPECT_EQ(reason(200, "<!doctype html>\n<title>Sign in</title>"),
            "200 OK, where a database acknowledges a write with 204: <!doctype html> <title>Sign in</title>");
  EXPECT_EQ(reason(200, R"({"error":"no such path"})"),
            "200 OK, where a database acknowledges a write with 204: no such path");
  EXPECT_EQ(reason(200, ""), "200 OK, where a database acknowledges a write with 204");
  HttpAnswer moved = answer_of(302, "");
  moved.location = "https://login.example/";
  EXPECT_EQ(meaning_of(moved, 0).reason, "302 Found, to https://login.example/");
}

TEST(AnswerTest, PartialWritesOfAllVersions) {
  struct Row {
    int status;
    std::string body;
    Verdict verdict;
    std::optional<std::uint64_t> dropped;
  };
  const std::string newer =
      "partial write: dropped 3 points outside retention policy of duration 1h0m0s - oldest point " +
      std::string(2000, 'm') + " at 2026 dropped because it violates a Retention Policy Lower Bound at 2026 dropped=3";
  const std::vector<Row> rows{
      // 1.x
      {400, R"({"error":"partial write: points beyond retention policy dropped=3"})", Verdict::kPartlyTooOld, 3},
      {400, R"({"error":")" + newer + "\"}", Verdict::kPartlyTooOld, 3},
      {400, R"({"error":"partial write: field type conflict: input field \"f\" dropped=2"})", Verdict::kRefused, 2},
      {400, R"({"error":"partial write: unable to parse 'm': missing fields dropped=0"})", Verdict::kRefused, 0},
      {400, R"({"error":"unable to parse 'm': missing fields"})", Verdict::kRefused, std::nullopt},
      // 2.x
      {422,
       R"({"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=4015"})",
       Verdict::kPartlyTooOld, 4015},
      {422, R"({"code":"unprocessable entity","message":"failure writing points to database: )" + newer + "\"}",
       Verdict::kPartlyTooOld, 3},
      {422,
       R"({"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: x dropped=2"})",
       Verdict::kRefused, 2},
      {422,
       R"({"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 5 points outside retention policy of duration 2h0m0s"})",
       Verdict::kPartlyTooOld, 5},
      // 2.0
      {500,
       R"({"code":"internal error","message":"unexpected error writing points to database: partial write: points beyond retention policy dropped=3"})",
       Verdict::kPartlyTooOld, 3},
      {500,
       R"({"code":"internal error","message":"unexpected error writing points to database: partial write: field type conflict: x dropped=1"})",
       Verdict::kRefused, 1},
      {500, R"({"code":"internal error","message":"unexpected error writing points to database: timeout"})",
       Verdict::kRetry, std::nullopt},
      {400, R"({"error":"partial write: points beyond retention policy"})", Verdict::kPartlyTooOld, std::nullopt},
  };
  for (const Row& row : rows) {
    const Meaning meaning = meaning_of(answer_of(row.status, row.body), 0);
    EXPECT_EQ(meaning.verdict, row.verdict) << row.body;
    EXPECT_EQ(meaning.dropped_points, row.dropped) << row.body;
    EXPECT_TRUE(meaning.verdict == Verdict::kRetry || meaning.verdict == Verdict::kPartlyTooOld || meaning.about_lines)
        << row.body;
    EXPECT_LT(meaning.reason.size(), 600U);
  }
}

TEST(AnswerTest, ProductsNameThemselves) {
  HttpAnswer ping = answer_of(204, "");
  EXPECT_EQ(product_of(ping), "");
  ping.server_version = "1.8.10";
  EXPECT_EQ(product_of(ping), "InfluxDB 1.8.10");
  ping.server_build = "OSS";
  EXPECT_EQ(product_of(ping), "InfluxDB 1.8.10 (OSS)");
  ping.server_version = "1.6.7-resmon";
  EXPECT_EQ(product_of(ping), "resmon 1.6.7-resmon (OSS)");
  EXPECT_EQ(product_of(answer_of(200, R"({"name":"influxdb","status":"pass","version":"v2.9.1"})")), "InfluxDB v2.9.1");
  EXPECT_EQ(product_of(answer_of(200, R"({"version":"3.4.0","revision":"abc"})")), "InfluxDB 3.4.0");
  EXPECT_EQ(product_of(answer_of(200, "OK")), "");
  EXPECT_EQ(product_of(answer_of(200, "<!doctype html>")), "");
  EXPECT_EQ(product_of(answer_of(401, R"({"version":"3.4.0"})")), "");
}

TEST(DeliveryTest, AfterOneThatIsPutOffTheLargestIsNext) {
  Delivery delivery(8);
  ASSERT_TRUE(delivery.split());
  ASSERT_TRUE(delivery.split());
  ASSERT_TRUE(delivery.split());
  EXPECT_EQ(delivery.current()->last, 1U);
  delivery.put_off();
  EXPECT_EQ(delivery.current()->first, 4U);
  std::size_t lines = 0;
  for (; delivery.current(); delivery.done()) lines += delivery.current()->last - delivery.current()->first;
  EXPECT_EQ(lines, 8U);
}

TEST(AnswerTest, RetryAfterInSecondsOrAsADate) {
  EXPECT_EQ(parse_retry_after("120", 0), 120s);
  EXPECT_EQ(parse_retry_after("99999999", 0), 3600s);
  EXPECT_EQ(parse_retry_after("-5", 0), 0s);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 30'000'000'000), 30s);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 90'000'000'000), 0s);
  EXPECT_EQ(parse_retry_after("soon", 0), std::nullopt);
  EXPECT_EQ(parse_retry_after("", 0), std::nullopt);
}

TEST(BackoffTest, DoublesWithinItsBounds) {
  Backoff backoff(100ms, 1s, 7);
  std::chrono::nanoseconds full = 100ms;
  for (int i = 0; i < 100; ++i) {
    const auto wait = backoff.next();
    EXPECT_GE(wait, full / 2);
    EXPECT_LE(wait, full);
    full = std::min<std::chrono::nanoseconds>(full * 2, 1s);
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), 100ms);
}

TEST(RefusedFileTest, StaysWithinTwoFiles) {
  const std::string path = ::testing::TempDir() + "refused_file_test";
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".1");
  const RefusedFile file(path, 1000);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(file.add("m f=" + std::to_string(i) + "\n", "why", 0));
  EXPECT_LT(std::filesystem::file_size(path) + std::filesystem::file_size(path + ".1"), 2200U);
  EXPECT_TRUE(read_file(path).value().ends_with("# 1970-01-01T00:00:00Z why\nm f=199\n"));
  EXPECT_FALSE(RefusedFile("/nonexistent/x", 10).add("", "why", 0));
  EXPECT_TRUE(RefusedFile("", 10).add("", "why", 0));
}

}  // namespace
}  // namespace resmon::sink
