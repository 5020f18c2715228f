#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/snappy.h"
#include "prom/write_encoder.h"
#include "sink/test_support.h"

namespace resmon::sink::testing {
namespace {

using ::testing::HasSubstr;

struct RemoteWriteTest : SinkTest {
  RemoteWriteTest() {
    options_.kind = "remote_write";
    options_.org = "";
    options_.token = "";
  }
  static std::string text_of(const Request& request) {
    const auto unpacked = unpack_snappy(request.body, 1U << 20U);
    return unpacked ? prom::write_request_text(*unpacked) : unpacked.error().message;
  }
};

TEST_F(RemoteWriteTest, SendsSnappyProtobufToTheWholeAddress) {
  FakeServer server([](const Request&) { return reply(200, ""); });  // Mimir's answer
  options_.url = server.url("/api/v1/write");
  options_.token = "secret";
  options_.org = "team";
  options_.gzip = true;
  options_.extra_tags = {{"site", "north"}};
  add({1'000'000, 2'999'999});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].target, "/api/v1/write");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Bearer secret");
  EXPECT_EQ(requests[0].headers.at("x-scope-orgid"), "team");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/x-protobuf");
  EXPECT_EQ(requests[0].headers.at("content-encoding"), "snappy");
  EXPECT_EQ(requests[0].headers.at("x-prometheus-remote-write-version"), "0.1.0");
  EXPECT_EQ(text_of(requests[0]), "m_f{site=\"north\"} 1e+06 1\nm_f{site=\"north\"} 2999999 2\n");
  EXPECT_EQ(sink.stats().sent_samples, 2U);
}

TEST_F(RemoteWriteTest, ASampleThatIsRefusedIsSetAsideAndTheOthersArrive) {
  std::string taken;
  FakeServer server([&](const Request& request) {
    const std::string text = text_of(request);
    if (text.find(" 3e+06 ") == std::string::npos) return taken += text, reply(204, "");
    return reply(400, "out of order sample\n");
  });
  options_.url = server.url("/api/v1/write");
  options_.refused_file = ::testing::TempDir() + "remote-write-refused-" + std::to_string(::getpid()) + ".txt";
  add({1'000'000, 2'000'000});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  add({3'000'000, 4'000'000, 5'000'000});
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_samples, 1U);
  EXPECT_EQ(sink.stats().sent_samples, 4U);
  EXPECT_EQ(sink.stats().state, State::kOk);
  const auto kept = read_file(options_.refused_file, 10'000);
  ASSERT_TRUE(kept);
  EXPECT_THAT(*kept, HasSubstr("out of order sample"));
  EXPECT_THAT(*kept, HasSubstr("m_f{} 3e+06 3\n"));
  ::unlink(options_.refused_file.c_str());
}

TEST_F(RemoteWriteTest, AnAddressWithoutAPathIsRefused) {
  options_.url = "http://127.0.0.1:9090/";
  const auto made = Sink::make(asio::system_executor(), options_, schemas_, source_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("/api/v1/write"));
}

struct OtlpSinkTest : RemoteWriteTest {
  OtlpSinkTest() { options_.kind = "otlp"; }
};

TEST_F(OtlpSinkTest, SendsGzipProtobufBelowTheAddress) {
  FakeServer server([](const Request&) { return reply(200, ""); });
  options_.url = server.url("/otlp/");
  options_.gzip = true;
  options_.token = "secret";
  add({1, 2});
  Running sink(options_, schemas_, source_);
  ASSERT_TRUE(sink.commits_all());
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].target, "/otlp/v1/metrics");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/x-protobuf");
  EXPECT_EQ(requests[0].headers.at("content-encoding"), "gzip");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Bearer secret");
  EXPECT_EQ(otlp::request_text(inflated(requests[0].body)), "m.f{} 1 1\nm.f{} 2 2\n");
  EXPECT_EQ(sink.stats().sent_samples, 2U);
}

TEST_F(OtlpSinkTest, PartialSuccessIsCountedAndAPageIsNoReceipt) {
  std::atomic<bool> page = true;
  FakeServer server([&](const Request&) {
    return page ? reply(200, "<html>log in</html>") : reply(200, std::string("\x0a\x09\x08\x01\x12\x05old m", 11));
  });
  options_.url = server.url();
  add({1, 2, 3});
  Running sink(options_, schemas_, source_);
  EXPECT_TRUE(sink.becomes([&] { return sink.stats().state == State::kDenied; }));
  EXPECT_EQ(source_.committed(), 0U);
  page = false;
  ASSERT_TRUE(sink.commits_all());
  EXPECT_EQ(sink.stats().refused_samples, 1U);
  EXPECT_EQ(sink.stats().sent_samples, 2U);
  EXPECT_THAT(sink.stats().last_refusal, HasSubstr("partial success: old m"));
}

}  // namespace
}  // namespace resmon::sink::testing
