#include <gtest/gtest.h>

#include <limits>

#include "base/file.h"
#include "base/test_linear.h"
#include "base/test_protobuf.h"
#include "otlp/read.h"
#include "otlp/row_encoder.h"
#include "otlp/rows.h"
#include "otlp/semantic_table.h"

namespace resmon::otlp {
namespace {

using test::proto_bytes;
using test::proto_double;
using test::proto_fixed64;
using test::proto_varint;

std::string text_value(std::string_view text) {
  return proto_bytes(1, text);
}
std::string attribute(std::uint64_t number, std::string_view key, std::string_view any) {
  return proto_bytes(number, proto_bytes(1, key) + proto_bytes(2, any));
}
std::string text_attribute(std::uint64_t number, std::string_view key, std::string_view text) {
  return attribute(number, key, text_value(text));
}

constexpr std::uint64_t kTime = 1'700'000'000'000'000'000;

std::string number_point(double value, std::string_view more = "") {
  return proto_bytes(1, proto_fixed64(3, kTime) + proto_double(4, value) + std::string(more));
}
std::string metric(std::string_view name, std::uint64_t kind, std::string_view data) {
  return proto_bytes(2, proto_bytes(1, name) + proto_bytes(kind, data));
}
constexpr std::uint64_t kGauge = 5, kSum = 7, kHistogram = 9, kExponential = 10, kSummary = 11;
const std::string kCumulative = proto_varint(2, 2);
const std::string kDelta = proto_varint(2, 1);

std::string request(std::string_view resource, std::string_view metrics) {
  return proto_bytes(1, proto_bytes(1, resource) + proto_bytes(2, metrics));
}

struct Rows {
  metric::SchemaTable schemas;
  MetricsReport report;
  Status read;
  std::string lines;

  explicit Rows(std::string_view body, Encoding encoding = Encoding::kProtobuf) {
    MetricRows rows(schemas, 7);
    read = read_metrics(body, encoding, [&](const Attributes& resource, const Metric& one, const Point& point) {
      rows.add(resource, one, point);
      return Status();
    });
    metric::Batch batch;
    rows.finish(batch);
    report = rows.report();
    for (const metric::Row& row : batch.rows()) {
      const metric::Schema& schema = schemas[row.schema];
      lines += metric::group_key(schema.measurement, schema.tags);
      for (std::size_t i = 0; i < row.fields; ++i) {
        char value[64];
        if (schema.fields[i].type == metric::FieldType::kInteger)
          std::snprintf(value, sizeof value, "%lldi", static_cast<long long>(metric::as_integer(batch.value(row, i))));
        else
          std::snprintf(value, sizeof value, "%.15g", metric::as_float(batch.value(row, i)));
        lines += (i == 0 ? " " : ",") + schema.fields[i].name + "=" + value;
      }
      lines += " " + std::to_string(row.time) + "\n";
    }
  }
};

TEST(OtlpMetrics, NamesAreKeptAndAttributesAreTags) {
  const Rows rows(
      request(text_attribute(1, "host.name", "web1") + text_attribute(1, "service.name", "shop") +
                  text_attribute(1, "telemetry.sdk.name", "x") + text_attribute(1, "os.type", "linux"),
              metric("queue.size", kGauge, number_point(3.5, text_attribute(7, "queue", "mail"))) +
                  metric("hits", kSum, number_point(9, attribute(7, "ok", proto_varint(2, 1))) + kCumulative) +
                  metric("news", kSum, number_point(4) + kDelta) +
                  metric("whole", kGauge, proto_bytes(1, proto_fixed64(6, static_cast<std::uint64_t>(-5))))));
  ASSERT_TRUE(rows.read);
  EXPECT_EQ(rows.lines,
            "queue.size,host=web1,queue=mail,service.name=shop value=3.5 1700000000000000000\n"
            "hits,host=web1,ok=true,service.name=shop value=9 1700000000000000000\n"
            "news,host=web1,service.name=shop delta=4 1700000000000000000\n"
            "whole,host=web1,service.name=shop value=-5 7\n");
  EXPECT_EQ(rows.report.points, 4U);
  EXPECT_EQ(rows.report.first_refusal, "");
}

TEST(OtlpMetrics, HistogramsAndSummariesAreFieldsOfOneRow) {
  std::string counts;
  std::string bounds;
  ByteWriter(counts).u64(1);
  ByteWriter(counts).u64(2);
  ByteWriter(counts).u64(4);
  ByteWriter(bounds).u64(std::bit_cast<std::uint64_t>(0.5));
  ByteWriter(bounds).u64(std::bit_cast<std::uint64_t>(10.0));
  const std::string histogram = proto_bytes(
      1, proto_fixed64(3, kTime) + proto_fixed64(4, 7) + proto_double(5, 12.5) + proto_bytes(6, counts) +
             proto_bytes(7, bounds) + text_attribute(9, "route", "/") + proto_double(11, 0.25) + proto_double(12, 20));
  const std::string summary =
      proto_bytes(1, proto_fixed64(3, kTime) + proto_fixed64(4, 2) + proto_double(5, 3) +
                         proto_bytes(6, proto_double(1, 0.99) + proto_double(2, 1.5)) + text_attribute(7, "a", "b"));
  const Rows rows(request("", metric("lat", kHistogram, histogram + kCumulative) + metric("sum", kSummary, summary)));
  EXPECT_EQ(rows.lines,
            "lat,route=/ +Inf=7,0.5=1,10=3,count=7,max=20,min=0.25,sum=12.5 1700000000000000000\n"
            "sum,a=b 0.99=1.5,count=2,sum=3 1700000000000000000\n");
}

TEST(OtlpMetrics, WhatIsOfMachinesGetsOurNames) {
  const auto state = [](std::string_view key, std::string_view value) { return text_attribute(7, key, value); };
  const Rows rows(request(
      text_attribute(1, "host.name", "web1") + text_attribute(1, "service.name", "collector"),
      metric(
          "system.cpu.utilization", kGauge,
          number_point(0.25, state("state", "user") + state("cpu", "cpu0")) +
              number_point(0.5, state("cpu.mode", "idle") + attribute(7, "cpu.logical_number", proto_varint(3, 0)))) +
          metric("system.memory.usage", kSum,
                 number_point(100, state("state", "used")) + number_point(50, state("system.memory.state", "free")) +
                     kCumulative) +
          metric("system.disk.io", kSum,
                 number_point(7, state("device", "sda") + state("direction", "read")) + kCumulative) +
          metric("system.disk.operation_time", kSum,
                 number_point(1.2345, state("system.device", "/dev/sda") + state("disk.io.direction", "write")) +
                     kCumulative) +
          metric("system.filesystem.usage", kSum,
                 number_point(9, state("device", "/dev/sda1") + state("mountpoint", "/") + state("type", "ext4") +
                                     state("mode", "rw") + state("state", "used")) +
                     kCumulative) +
          metric("system.network.io", kSum,
                 number_point(3, state("device", "eth0") + state("direction", "receive")) + kCumulative) +
          metric("system.cpu.load_average.1m", kGauge, number_point(0.5)) +
          metric("system.memory.usage", kSum, number_point(1, state("state", "of another kind")) + kCumulative)));
  EXPECT_EQ(rows.lines,
            "cpu,cpu=cpu0,host=web1 usage_idle=50,usage_user=25 1700000000000000000\n"
            "mem,host=web1 free=50i,used=100i 1700000000000000000\n"
            "diskio,host=web1,name=sda read_bytes=7i,write_time=1235i 1700000000000000000\n"
            "disk,device=sda1,fstype=ext4,host=web1,mode=rw,path=/ used=9i 1700000000000000000\n"
            "net,host=web1,interface=eth0 bytes_recv=3i 1700000000000000000\n"
            "system,host=web1 load1=0.5 1700000000000000000\n"
            "system.memory.usage,host=web1,service.name=collector,state=of\\ another\\ kind value=1 "
            "1700000000000000000\n");
}

TEST(OtlpMetrics, ProcessesAndContainers) {
  const Rows rows(request(text_attribute(1, "host.name", "h") + text_attribute(1, "process.executable.name", "nginx") +
                              attribute(1, "process.pid", proto_varint(3, 12)),
                          metric("process.memory.usage", kSum, number_point(5) + kCumulative)) +
                  request(text_attribute(1, "host.name", "h") + text_attribute(1, "container.name", "web"),
                          metric("container.cpu.usage", kGauge, number_point(0.5)) +
                              metric("container.network.io", kSum,
                                     number_point(8, text_attribute(7, "network.interface.name", "eth0") +
                                                         text_attribute(7, "network.io.direction", "transmit")) +
                                         kCumulative)));
  EXPECT_EQ(rows.lines,
            "procstat,host=h,process.pid=12,process_name=nginx memory_rss=5i 1700000000000000000\n"
            "docker_container_cpu,container_name=web,cpu=cpu-total,host=h usage_percent=50 1700000000000000000\n"
            "docker_container_net,container_name=web,host=h,network=eth0 tx_bytes=8i 1700000000000000000\n");
}

TEST(OtlpMetrics, WhatIsRefusedIsCountedInWords) {
  const auto refused = [](const std::string& bad) {
    const Rows rows(request("", metric("a", kGauge, number_point(1)) + bad + metric("z", kGauge, number_point(2))));
    EXPECT_TRUE(rows.read);
    EXPECT_EQ(rows.lines, "a value=1 1700000000000000000\nz value=2 1700000000000000000\n");
    EXPECT_EQ(rows.report.refused, 1U);
    EXPECT_EQ(rows.report.points, 2U);
    return rows.report.first_refusal;
  };
  EXPECT_EQ(refused(metric("e", kExponential, proto_bytes(1, proto_varint(6, 3)) + kCumulative)),
            "metric e: exponential histograms are not stored; set the aggregation to explicit buckets");
  EXPECT_EQ(refused(metric("h", kHistogram, proto_bytes(1, proto_fixed64(4, 1)) + kDelta)),
            "metric h: histograms of deltas are not stored; set the temporality to cumulative");
  EXPECT_EQ(refused(metric("h", kHistogram, proto_bytes(1, proto_fixed64(6, 1) + proto_fixed64(6, 1)) + kCumulative)),
            "metric h: its buckets and bounds do not fit together");
  EXPECT_EQ(refused(metric("", kGauge, number_point(1))), "metric : it has no name");
  EXPECT_EQ(refused(metric("n", kGauge, proto_bytes(1, proto_fixed64(3, kTime)))), "metric n: a point without a value");
  EXPECT_EQ(refused(metric("t", kGauge, proto_bytes(1, proto_fixed64(3, UINT64_MAX) + proto_double(4, 1)))),
            "metric t: a time that is impossible");
  std::string many;
  for (int i = 0; i < 300; ++i) many += text_attribute(7, "k" + std::to_string(i), "v");
  EXPECT_EQ(refused(metric("m", kGauge, number_point(1, many))),
            "metric m: more than 256 attributes, or too long ones");
}

TEST(OtlpMetrics, NothingIsStoredWhereThereIsNoValue) {
  const Rows rows(
      request("", metric("a", kGauge,
                         number_point(std::numeric_limits<double>::quiet_NaN()) +
                             number_point(std::numeric_limits<double>::infinity()) +
                             proto_bytes(1, proto_fixed64(3, kTime) + proto_varint(8, 1)) + number_point(1))));
  EXPECT_EQ(rows.lines, "a value=1 1700000000000000000\n");
  EXPECT_EQ(rows.report.not_finite, 2U);
  EXPECT_EQ(rows.report.no_value, 1U);
  EXPECT_EQ(rows.report.refused, 0U);
}

TEST(OtlpMetrics, JsonSaysTheSame) {
  const Rows rows(R"({"resourceMetrics":[{"resource":{"attributes":[
      {"key":"host.name","value":{"stringValue":"web1"}},{"key":"shard","value":{"intValue":"7"}},
      {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"boolValue":true},{"doubleValue":1.5}]}}}]},
      "scopeMetrics":[{"scope":{"name":"x"},"metrics":[
        {"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000000","asDouble":1.5,
          "attributes":[{"key":"k","value":{"stringValue":"v"}}]},
          {"timeUnixNano":1700000000000000001,"asInt":"-3"},{"asDouble":"NaN"},{"flags":1}]}},
        {"name":"s","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asInt":4}]}},
        {"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"3","sum":2.5,"min":0,"max":2,
          "bucketCounts":["1","2"],"explicitBounds":[0.5]}]}},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{},{}]}},
        {"name":"unknown","newKind":{}}, 5]}]}, null]})",
                  Encoding::kJson);
  ASSERT_TRUE(rows.read) << rows.read.error().message;
  const std::string tags = "host=web1,list=[\"a\"\\,true\\,1.5],shard=7";
  EXPECT_EQ(rows.lines,
            "g,host=web1,k=v,list=[\"a\"\\,true\\,1.5],shard=7 value=1.5 1700000000000000000\n"
            "g," +
                tags +
                " value=-3 1700000000000000001\n"
                "s," +
                tags +
                " delta=4 7\n"
                "h," +
                tags + " +Inf=3,0.5=1,count=3,max=2,min=0,sum=2.5 7\n");
  EXPECT_EQ(rows.report.refused, 2U);
  EXPECT_EQ(rows.report.not_finite, 1U);
  EXPECT_EQ(rows.report.no_value, 1U);
}

TEST(OtlpMetrics, WhatIsNoRequestIsAnError) {
  for (const std::string& bad : {std::string("\x0a\xff\xff\xff\xff\x0f"), std::string("\xff\xff"),
                                 request("", "\x12\x05"), request("\x0a\x09x", "")}) {
    const Rows rows(bad);
    ASSERT_FALSE(rows.read);
    EXPECT_EQ(rows.read.error().kind, ErrorKind::kInvalid);
  }
  for (const char* bad : {"", "[", "[]", "{\"a\":", "nul"}) {
    const Rows rows(bad, Encoding::kJson);
    ASSERT_FALSE(rows.read) << bad;
    EXPECT_EQ(rows.read.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_TRUE(Rows("").read);
  EXPECT_TRUE(Rows("{}", Encoding::kJson).read);
}

TEST(OtlpMetrics, NestingIsBounded) {
  std::string any = text_value("x");
  for (int i = 0; i < 100'000; ++i) {
    std::string list = proto_bytes(1, any);
    any = proto_bytes(5, list);
    if (any.size() > 200'000) break;
  }
  EXPECT_FALSE(Rows(request(attribute(1, "deep", any), metric("a", kGauge, number_point(1)))).read);
  const std::string json = "{\"resourceMetrics\":" + std::string(100'000, '[');
  EXPECT_FALSE(Rows(json, Encoding::kJson).read);
}

TEST(OtlpMetrics, WorkGrowsWithTheRequestAndNoFaster) {
  const std::string one = metric("m", kGauge, number_point(1, text_attribute(7, "a", "b")));
  EXPECT_EQ(test::not_linear(
                20'000,
                [&](std::size_t n) {
                  std::string all;
                  for (std::size_t i = 0; i < n; ++i) all += one;
                  return request("", all);
                },
                [](const std::string& body) { (void)Rows(body); }),
            "");
  const std::string label = text_attribute(7, "a", "b");
  EXPECT_EQ(test::not_linear(
                100'000,
                [&](std::size_t n) {
                  return request("", metric("m", kGauge, number_point(1, test::repeated("", label, n, ""))));
                },
                [](const std::string& body) { (void)Rows(body); }),
            "");
}

TEST(OtlpMetrics, WhatIsSaidOnceIsNotRepeatedWithoutBound) {
  std::string points;
  for (std::uint64_t i = 1; i <= 50'000; ++i) points += proto_bytes(1, proto_fixed64(3, i) + proto_double(4, 1));
  const Rows rows(request(text_attribute(1, "large", std::string(60'000, 'x')), metric("m", kGauge, points)));
  EXPECT_EQ(rows.report.points, kMostRepeatedBytes / 60'006);
  EXPECT_EQ(rows.report.points + rows.report.refused, 50'000U);
  EXPECT_EQ(rows.report.first_refusal,
            "metric m: the attributes of all points of the request are too much together; send smaller requests");
}

TEST(OtlpMetrics, TheTableIsSorted) {
  const auto all = mappings();
  for (std::size_t i = 1; i < all.size(); ++i)
    EXPECT_LT(std::pair(all[i - 1].metric, all[i - 1].state), std::pair(all[i].metric, all[i].state));
}

struct Records {
  Status read;
  std::string text;

  explicit Records(std::string_view body, Encoding encoding = Encoding::kProtobuf) {
    read = read_logs(body, encoding, [&](const Attributes& resource, const Record& record) {
      text += std::to_string(record.time) + " " + std::to_string(record.severity) + " " + record.severity_text + " " +
              std::string(resource.get("host.name")) + " " + record.body + " " + record.trace_id + " " +
              record.span_id + " " + record.event_name;
      for (const Attribute& one : record.attributes.all) text += " " + one.key + "=" + one.value;
      text += "\n";
      return Status();
    });
  }
};

TEST(OtlpLogs, BothEncodingsSayTheSame) {
  const std::string want =
      "1700000000000000000 17 ERROR web1 disk \"sda\" failed 0102 0a login k=v\n"
      "5 0  web1 {\"a\":1,\"b\":[\"x\",null]}   \n";
  const std::string pairs = proto_bytes(
      6, proto_bytes(1, proto_bytes(1, "a") + proto_bytes(2, proto_varint(3, 1))) +
             proto_bytes(1, proto_bytes(1, "b") +
                                proto_bytes(2, proto_bytes(5, proto_bytes(1, text_value("x")) + proto_bytes(1, "")))));
  const Records binary(
      request(text_attribute(1, "host.name", "web1"),
              proto_bytes(2, proto_fixed64(1, kTime) + proto_varint(2, 17) + proto_bytes(3, "ERROR") +
                                 proto_bytes(5, text_value("disk \"sda\" failed")) + text_attribute(6, "k", "v") +
                                 proto_bytes(9, "\x01\x02") + proto_bytes(10, "\n") + proto_fixed64(11, 9) +
                                 proto_bytes(12, "login")) +
                  proto_bytes(2, proto_bytes(5, pairs) + proto_fixed64(11, 5))));
  ASSERT_TRUE(binary.read);
  EXPECT_EQ(binary.text, want);
  const Records json(
      R"({"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"web1"}}]},
      "scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000000000000000","observedTimeUnixNano":"9","severityNumber":17,
        "severityText":"ERROR","body":{"stringValue":"disk \"sda\" failed"},"traceId":"0102","spanId":"0a",
        "eventName":"login","attributes":[{"key":"k","value":{"stringValue":"v"}}]},
       {"observedTimeUnixNano":"5","body":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}},
        {"key":"b","value":{"arrayValue":{"values":[{"stringValue":"x"},{}]}}}]}}}]}]}]})",
      Encoding::kJson);
  ASSERT_TRUE(json.read);
  EXPECT_EQ(json.text, want);
}

TEST(OtlpRows, WhatIsWrittenIsARequest) {
  metric::SchemaTable schemas;
  const auto id = schemas
                      .intern({"cpu",
                               {{"cpu", "cpu0"}, {"host", "web1"}},
                               {{"usage", metric::FieldType::kFloat},
                                {"n", metric::FieldType::kInteger},
                                {"u", metric::FieldType::kUnsigned},
                                {"on", metric::FieldType::kBoolean},
                                {"text", metric::FieldType::kString},
                                {"nan", metric::FieldType::kFloat},
                                {"value", metric::FieldType::kFloat},
                                {"absent", metric::FieldType::kFloat}}})
                      .value();
  metric::Batch batch;
  metric::RowWriter row = batch.add(id, 8, 1'700'000'000'000'000'001);
  row.set(0, 12.5);
  row.set(1, std::int64_t{-3});
  row.set(2, std::uint64_t{1} << 63U);
  row.set(3, true);
  row.set(4, std::string_view("words"));
  row.set(5, std::numeric_limits<double>::quiet_NaN());
  row.set(6, 1.0);
  for (const std::size_t cache : {std::size_t{1}, std::size_t{1} << 20U}) {
    RowEncoder encoder(schemas, {{"site", "north"}, {"host", "not this"}}, cache);
    std::string body;
    EXPECT_EQ(encoder.append(batch, batch.rows()[0], body), 5U);
    EXPECT_EQ(encoder.append(batch, batch.rows()[0], body), 5U);
    EXPECT_EQ(encoder.skipped_values(), 4U);
    const std::string tags = "{host.name=\"web1\",cpu=\"cpu0\",site=\"north\"} ";
    const std::string time = " 1700000000000000001\n";
    const std::string want = "cpu.usage" + tags + "12.5" + time + "cpu.n" + tags + "-3" + time + "cpu.u" + tags +
                             "9223372036854775808" + time + "cpu.on" + tags + "1" + time + "cpu" + tags + "1" + time;
    EXPECT_EQ(request_text(body), want + want);
  }
}

TEST(OtlpRows, AnswersSayWhatWasRejected) {
  EXPECT_EQ(read_answer("")->rejected, 0U);
  const auto partial = read_answer(proto_bytes(1, proto_varint(1, 3) + proto_bytes(2, "too old")));
  EXPECT_EQ(partial->rejected, 3U);
  EXPECT_EQ(partial->message, "too old");
  EXPECT_FALSE(read_answer("<html>log in</html>"));
}

}  // namespace
}  // namespace resmon::otlp
