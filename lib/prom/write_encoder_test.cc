#include "prom/write_encoder.h"

#include <gtest/gtest.h>

#include <limits>

#include "prom/remote_write.h"

namespace resmon::prom {
namespace {

using metric::FieldType;

TEST(WriteEncoder, WhatItWritesIsARemoteWriteRequest) {
  metric::SchemaTable schemas;
  const auto cpu = schemas
                       .intern({"cpu-x",
                                {{"cpu", "cpu0"}, {"host", "a b\"\n"}},
                                {{"usage idle", FieldType::kFloat},
                                 {"n", FieldType::kInteger},
                                 {"u", FieldType::kUnsigned},
                                 {"on", FieldType::kBoolean},
                                 {"text", FieldType::kString},
                                 {"nan", FieldType::kFloat},
                                 {"absent", FieldType::kFloat}}})
                       .value();
  metric::Batch batch;
  metric::RowWriter row = batch.add(cpu, 7, 1'700'000'000'123'999'999);
  row.set(0, 12.5);
  row.set(1, std::int64_t{-3});
  row.set(2, std::uint64_t{1} << 63U);
  row.set(3, true);
  row.set(4, std::string_view("words"));
  row.set(5, std::numeric_limits<double>::quiet_NaN());
  WriteEncoder encoder(schemas, {{"site", "north"}, {"host", "not this"}});
  std::string request;
  EXPECT_EQ(encoder.append(batch, batch.rows()[0], request), 4U);
  EXPECT_EQ(encoder.skipped_values(), 2U);
  EXPECT_EQ(write_request_text(request),
            "cpu_x_usage_idle{cpu=\"cpu0\",host=\"a b\\\"\\n\",site=\"north\"} 12.5 1700000000123\n"
            "cpu_x_n{cpu=\"cpu0\",host=\"a b\\\"\\n\",site=\"north\"} -3 1700000000123\n"
            "cpu_x_u{cpu=\"cpu0\",host=\"a b\\\"\\n\",site=\"north\"} 9223372036854775808 1700000000123\n"
            "cpu_x_on{cpu=\"cpu0\",host=\"a b\\\"\\n\",site=\"north\"} 1 1700000000123\n");
  metric::SchemaTable other;
  Series series(other);
  metric::Batch read;
  const auto report = read_remote_write(request, WriteVersion::kOne, series, read);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->samples, 4U);
  EXPECT_EQ(read.rows()[0].time, 1'700'000'000'123'000'000);
  EXPECT_EQ(other[read.rows()[0].schema].measurement, "cpu_x_usage_idle");
}

TEST(WriteEncoder, NamesFollowPrometheusRules) {
  EXPECT_EQ(metric_name("cpu", "usage_idle"), "cpu_usage_idle");
  EXPECT_EQ(metric_name("http_requests_total", "value"), "http_requests_total");
  EXPECT_EQ(metric_name("9 lives", "größe"), "_9_lives_gr____e");
  EXPECT_EQ(metric_name("a:b", "c:d"), "a:b_c:d");
  EXPECT_EQ(label_name("a:b.c"), "a_b_c");
  EXPECT_EQ(label_name("__name__"), "exported__name__");
  EXPECT_EQ(label_name("1"), "_1");
}

TEST(WriteEncoder, TagsWithOneNameAreOneLabelAndLabelsAreSorted) {
  metric::SchemaTable schemas;
  const auto id =
      schemas.intern({"m", {{"A", "0"}, {"a-b", "1"}, {"a.b", "2"}}, {{"value", FieldType::kFloat}}}).value();
  metric::Batch batch;
  batch.add(id, 1, -1).set(0, 1.0);
  WriteEncoder encoder(schemas);
  std::string request;
  encoder.append(batch, batch.rows()[0], request);
  EXPECT_EQ(write_request_text(request), "m{A=\"0\",a_b=\"1\"} 1 -1\n");
  EXPECT_LT(request.find("A"), request.find("__name__"));
  EXPECT_LT(request.find("__name__"), request.find("a_b"));
}

TEST(WriteEncoder, ForgottenSchemasAndAFullCacheChangeNothing) {
  metric::SchemaTable schemas;
  WriteEncoder encoder(schemas, {}, 1);
  for (int i = 0; i < 5; ++i) {
    metric::Batch batch;
    batch.pin(schemas);
    const std::string name = "m" + std::to_string(i);
    batch.add(schemas.intern({name, {}, {{"value", FieldType::kFloat}}}).value(), 1, 0).set(0, 1.0);
    for (int again = 0; again < 2; ++again) {
      std::string request;
      EXPECT_EQ(encoder.append(batch, batch.rows()[0], request), 1U);
      EXPECT_EQ(write_request_text(request), name + "{} 1 0\n");
    }
    batch.clear();
    for (int epoch = 0; epoch < 3; ++epoch) schemas.sweep(1);
  }
}

}  // namespace
}  // namespace resmon::prom
