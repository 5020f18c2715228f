#include "sink/loki.h"

#include "sink/test_support.h"

namespace resmon::sink::testing {
namespace {

class LokiTest : public SinkTest {
 protected:
  LokiTest() {
    options_.kind = "loki";
    options_.org = "team";
    line_ = schemas_
                .intern({"syslog",
                         {{"appname", "ap\"p"}, {"host", "web1"}, {"severity", "err"}},
                         {{"message", metric::FieldType::kString},
                          {"procid", metric::FieldType::kString},
                          {"severity_code", metric::FieldType::kInteger}}})
                .value();
  }
  void add_line(UnixNanos time, std::string_view message, std::string_view pid = {}) {
    auto batch = std::make_shared<metric::Batch>();
    metric::RowWriter row = batch->add(line_, 3, time);
    row.set(0, message);
    if (!pid.empty()) row.set(1, pid);
    row.set(2, std::int64_t{3});
    source_.add(std::move(batch));
  }
  metric::SchemaId line_ = 0;
};

TEST_F(LokiTest, RowsAreStreamsWithLabelsLineAndMetadata) {
  std::mutex mutex;
  std::vector<Request> seen;
  FakeServer server([&](const Request& request) {
    const std::lock_guard lock(mutex);
    seen.push_back(request);
    return reply(204, "");
  });
  options_.url = server.url("/base");
  options_.linger = 50ms;
  add_line(1'764'460'800'000'000'001, "a \"b\"\nc \xff", "7");
  add_line(5, "");
  const Running running(options_, schemas_, source_);
  ASSERT_TRUE(running.commits_all());
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].target, "/base/loki/api/v1/push");
  EXPECT_EQ(seen[0].headers["authorization"], "Bearer secret");
  EXPECT_EQ(seen[0].headers["x-scope-orgid"], "team");
  EXPECT_EQ(seen[0].headers["content-type"], "application/json");
  EXPECT_EQ(seen[0].body,
            "{\"streams\":[{\"stream\":{\"service_name\":\"ap\\\"p\",\"host\":\"web1\",\"level\":\"err\"},"
            "\"values\":[[\"1764460800000000001\",\"a \\\"b\\\"\\nc \xef\xbf\xbd\",{\"procid\":\"7\"}]]},\n"
            "{\"stream\":{\"service_name\":\"ap\\\"p\",\"host\":\"web1\",\"level\":\"err\"},"
            "\"values\":[[\"5\",\"\",{}]]}]}");
}

TEST_F(LokiTest, OldLinesAreSetAsideAndTheOthersArrive) {
  std::atomic<int> taken{0};
  FakeServer server([&](const Request& request) {
    if (request.body.find("old") != std::string::npos)
      return reply(400, "entry for stream '{host=\"web1\"}' has timestamp too old: 1970-01-01");
    ++taken;
    // VictoriaLogs says 200 with nothing in it.
    return reply(200, "");
  });
  options_.url = server.url();
  add_line(1, "first");
  const Running running(options_, schemas_, source_);
  ASSERT_TRUE(running.becomes([&] { return taken == 1; }));
  for (const char* text : {"a", "old", "b", "c"}) add_line(1, text);
  ASSERT_TRUE(running.commits_all());
  EXPECT_EQ(running.stats().refused_lines, 1U);
  EXPECT_EQ(running.stats().state, State::kOk);
}

TEST_F(LokiTest, APageWithStatus200IsNoReceipt) {
  FakeServer server([&](const Request&) { return reply(200, "<html>log in</html>"); });
  options_.url = server.url();
  add_line(1, "kept");
  const Running running(options_, schemas_, source_);
  EXPECT_TRUE(running.becomes([&] { return running.stats().state == State::kDenied; }));
  EXPECT_EQ(source_.committed(), 0U);
}

TEST(LokiEntry, ARowWithoutAMessageIsNone) {
  metric::SchemaTable schemas;
  const auto id = schemas.intern({"cpu", {}, {{"usage", metric::FieldType::kFloat}}}).value();
  metric::Batch batch;
  batch.add(id, 1, 5).set(0, 1.5);
  std::string out;
  EXPECT_EQ(append_loki_entry(schemas[id], batch, batch.rows()[0], out), 0U);
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace resmon::sink::testing
