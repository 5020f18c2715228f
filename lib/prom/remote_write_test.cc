#include "prom/remote_write.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/test_protobuf.h"

namespace resmon::prom {
namespace {

using test::proto_bytes;
using test::proto_double;
using test::proto_fixed64;
using test::proto_varint;

std::string label(std::string_view name, std::string_view value) {
  return proto_bytes(1, proto_bytes(1, name) + proto_bytes(2, value));
}
std::string sample_of_bits(std::uint64_t bits, std::int64_t milliseconds) {
  return proto_bytes(2, proto_fixed64(1, bits) + proto_varint(2, static_cast<std::uint64_t>(milliseconds)));
}
std::string sample(double value, std::int64_t milliseconds) {
  return sample_of_bits(std::bit_cast<std::uint64_t>(value), milliseconds);
}
std::string series(std::string_view body) {
  return proto_bytes(1, body);
}

// "measurement,tag=value value time", a line a row.
std::string lines_of(const metric::SchemaTable& schemas, const metric::Batch& batch) {
  std::string out;
  for (const metric::Row& row : batch.rows()) {
    const metric::Schema& schema = schemas[row.schema];
    EXPECT_EQ(schema.fields.size(), 1U);
    EXPECT_EQ(schema.fields[0].name, "value");
    out += metric::group_key(schema.measurement, schema.tags) + " " +
           std::to_string(metric::as_float(batch.value(row, 0))) + " " + std::to_string(row.time) + "\n";
  }
  return out;
}

struct Read {
  metric::SchemaTable schemas;
  Series known{schemas};
  metric::Batch batch;
  Result<WriteReport> report = fail(ErrorKind::kInternal, "not read");
  std::string lines;

  explicit Read(std::string_view message, WriteVersion version = WriteVersion::kOne)
      : report(read_remote_write(message, version, known, batch)), lines(lines_of(schemas, batch)) {}
};

TEST(RemoteWrite, NameIsTheMeasurementLabelsAreTagsAndTheValueIsOneField) {
  const Read read(series(label("__name__", "up") + label("job", "node") + label("instance", "a:9100") +
                         label("empty", "") + sample(1, 1700000000123) + sample(-0.5, 1700000015123)) +
                  series(sample(3, 5) + label("__name__", "late labels")));
  ASSERT_TRUE(read.report) << read.report.error().message;
  EXPECT_EQ(read.lines,
            "up,instance=a:9100,job=node 1.000000 1700000000123000000\n"
            "up,instance=a:9100,job=node -0.500000 1700000015123000000\n"
            "late\\ labels 3.000000 5000000\n");
  EXPECT_EQ(read.report->samples, 3U);
  EXPECT_EQ(read.report->refused, 0U);
}

TEST(RemoteWrite, ZerosMayBeAbsent) {
  const Read read(series(label("__name__", "m") + proto_bytes(2, "") + proto_bytes(2, proto_double(1, 2))));
  EXPECT_EQ(read.lines, "m 0.000000 0\nm 2.000000 0\n");
}

TEST(RemoteWrite, StaleMarkersAndValuesThatAreNotFiniteAreCounted) {
  const Read read(series(label("__name__", "m") + sample_of_bits(0x7ff0000000000002, 1) +
                         sample(std::numeric_limits<double>::quiet_NaN(), 1) +
                         sample(std::numeric_limits<double>::infinity(), 1) +
                         sample(-std::numeric_limits<double>::infinity(), 1) + sample(7, 1)));
  EXPECT_EQ(read.lines, "m 7.000000 1000000\n");
  EXPECT_EQ(read.report->stale, 1U);
  EXPECT_EQ(read.report->not_finite, 3U);
  EXPECT_EQ(read.report->first_refusal, "");
}

TEST(RemoteWrite, OneBadSeriesCostsItselfInWords) {
  const auto refused = [](const std::string& bad) {
    const Read read(series(label("__name__", "a") + sample(1, 1)) + bad +
                    series(label("__name__", "z") + sample(2, 1)));
    EXPECT_EQ(read.lines, "a 1.000000 1000000\nz 2.000000 1000000\n");
    EXPECT_GE(read.report->refused + read.report->histograms, 1U);
    return read.report->first_refusal;
  };
  EXPECT_EQ(refused(series(label("job", "x") + sample(1, 1))), "series 2: no metric name: label __name__ is missing");
  EXPECT_EQ(refused(series(label("__name__", "b") + label("x", "1") + label("x", "2") + sample(1, 1))),
            "series 2 (b): a label comes twice");
  EXPECT_EQ(refused(series(label("__name__", "b") + label("", "1") + sample(1, 1))),
            "series 2 (b): a label without a name");
  EXPECT_EQ(refused(series(label("__name__", "b") + label("time", "1") + sample(1, 1))),
            "series 2 (b): label 'time' is reserved: no query could name it");
  EXPECT_EQ(refused(series(label("__name__", "b") + sample(1, INT64_MAX))),
            "series 2 (b): a time that is impossible: 9223372036854775807 ms");
  EXPECT_EQ(refused(series(label("__name__", "b") + label("x", std::string(70'000, 'x')) + sample(1, 1))),
            "series 2 (b): labels of more than 65535 bytes");
  EXPECT_EQ(refused(series(label("__name__", "b") + proto_bytes(4, "whatever"))),
            "series 2 (b): native histograms are not stored; set the scrape to classic histograms, whose buckets are");
}

TEST(RemoteWrite, AMillionLabelsCostOneSeries) {
  std::string many = label("__name__", "b");
  const std::string one = label("x", "y");
  many.reserve(one.size() * 1'000'000 + 100);
  for (int i = 0; i < 1'000'000; ++i) many += one;
  const Read read(series(many + sample(1, 1)) + series(label("__name__", "a") + sample(1, 1)));
  EXPECT_EQ(read.lines, "a 1.000000 1000000\n");
  EXPECT_EQ(read.report->first_refusal, "series 1 (b): more than 256 labels");
}

TEST(RemoteWrite, WhatIsNoMessageIsRefusedAsAWhole) {
  const std::string good = series(label("__name__", "a") + sample(1, 1));
  for (const std::string& bad : {std::string("\x0a\xff\xff\xff\xff\x0f"), std::string("\x0a\xff"), good + "\x0b",
                                 good.substr(0, good.size() - 1), series("\x0a\x05"), series("\x12\x03\x09\x00\x00"),
                                 series(proto_bytes(1, "\x0a\x09x"))}) {
    const Read read(bad);
    ASSERT_FALSE(read.report);
    EXPECT_EQ(read.report.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_TRUE(Read("").report);
  EXPECT_TRUE(Read(proto_bytes(3, "metadata") + good).report);
}

TEST(RemoteWrite, SamplesOfARequestAreBounded) {
  std::string body = label("__name__", "a");
  for (std::size_t i = 0; i <= kMostWriteSamples; ++i) body += proto_bytes(2, "");
  const Read read(series(body));
  ASSERT_FALSE(read.report);
  EXPECT_EQ(read.report.error().kind, ErrorKind::kLimit);
}

std::string packed(const std::vector<std::uint64_t>& numbers) {
  std::string out;
  ByteWriter writer(out);
  for (const std::uint64_t number : numbers) writer.varint(number);
  return out;
}
std::string symbols(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += proto_bytes(4, text);
  return out;
}

TEST(RemoteWrite, VersionTwoNamesLabelsBySymbols) {
  const std::string table = symbols({"", "__name__", "up", "job", "node"});
  const std::string rest = sample(1, 1700000000123);
  const Read read(table + proto_bytes(5, proto_bytes(1, packed({1, 2, 3, 4})) + rest + proto_bytes(5, "metadata")) +
                      proto_bytes(5, proto_varint(1, 1) + proto_varint(1, 2) + rest),
                  WriteVersion::kTwo);
  ASSERT_TRUE(read.report);
  EXPECT_EQ(read.lines, "up,job=node 1.000000 1700000000123000000\nup 1.000000 1700000000123000000\n");

  const Read bad(table + proto_bytes(5, proto_bytes(1, packed({1, 2, 3})) + rest) +
                     proto_bytes(5, proto_bytes(1, packed({1, 2, 3, 99})) + rest) +
                     proto_bytes(5, proto_bytes(1, packed({1, 2})) + proto_bytes(3, "histogram")) +
                     proto_bytes(5, proto_bytes(1, packed({1, 2})) + rest),
                 WriteVersion::kTwo);
  ASSERT_TRUE(bad.report);
  EXPECT_EQ(bad.lines, "up 1.000000 1700000000123000000\n");
  EXPECT_EQ(bad.report->refused, 2U);
  EXPECT_EQ(bad.report->histograms, 1U);
  EXPECT_EQ(bad.report->first_refusal, "series 1 (up): a label has no value");
}

TEST(RemoteWrite, ALongSymbolIsNotRepeatedWithoutBound) {
  std::string message = symbols({"", "__name__", "m", "long", std::string(60'000, 'x')});
  const std::string one = proto_bytes(5, proto_bytes(1, packed({1, 2, 3, 4})) + sample(1, 1));
  for (int i = 0; i < 3000; ++i) message += one;
  const Read read(message, WriteVersion::kTwo);
  ASSERT_TRUE(read.report);
  EXPECT_EQ(read.report->samples, kMostLabelBytesInAll / 60'013);
  EXPECT_EQ(read.report->samples + read.report->refused, 3000U);
  EXPECT_EQ(read.report->first_refusal,
            "series 2237 (m): the labels of all series of the request are too much together; send smaller requests");
}

TEST(RemoteWrite, AVersionOneMessageIsNotReadAsVersionTwo) {
  const Read read(series(label("__name__", "a") + sample(1, 1)), WriteVersion::kTwo);
  ASSERT_TRUE(read.report);
  EXPECT_EQ(read.lines, "");
}

TEST(RemoteWrite, ContentTypesNameTheVersion) {
  EXPECT_EQ(*version_of(""), WriteVersion::kOne);
  EXPECT_EQ(*version_of("application/x-protobuf"), WriteVersion::kOne);
  EXPECT_EQ(*version_of("application/x-protobuf;proto=prometheus.WriteRequest"), WriteVersion::kOne);
  EXPECT_EQ(*version_of("Application/X-Protobuf; Proto=\"io.prometheus.write.v2.Request\""), WriteVersion::kTwo);
  EXPECT_EQ(version_of("application/x-protobuf;proto=io.prometheus.write.v3.Request").error().kind,
            ErrorKind::kUnsupported);
  EXPECT_EQ(version_of("application/json").error().kind, ErrorKind::kUnsupported);
}

TEST(RemoteWrite, SeriesThatAreForgottenAreInternedAgain) {
  metric::SchemaTable schemas;
  Series known(schemas);
  const std::string message = series(label("__name__", "a") + sample(1, 1));
  for (int i = 0; i < 3; ++i) {
    metric::Batch batch;
    ASSERT_TRUE(read_remote_write(message, WriteVersion::kOne, known, batch));
    EXPECT_EQ(lines_of(schemas, batch), "a 1.000000 1000000\n");
    batch.clear();
    for (int epoch = 0; epoch < 3; ++epoch) schemas.sweep(1);
    EXPECT_EQ(schemas.size(), 0U);
  }
}

TEST(RemoteWrite, AFullTableRefusesNewSeriesOnly) {
  metric::SchemaTable schemas(1);
  Series known(schemas);
  metric::Batch batch;
  const auto report =
      read_remote_write(series(label("__name__", "a") + sample(1, 1)) + series(label("__name__", "b") + sample(1, 1)) +
                            series(label("__name__", "a") + sample(2, 2)),
                        WriteVersion::kOne, known, batch);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->samples, 2U);
  EXPECT_EQ(report->refused, 1U);
}

}  // namespace
}  // namespace resmon::prom
