#include "prom/exposition.h"

#include <gtest/gtest.h>

#include "base/test_linear.h"

namespace resmon::prom {
namespace {

struct Exposed {
  metric::SchemaTable schemas;
  ExpositionReport report;
  std::string lines;

  explicit Exposed(std::string_view text, ExpositionOptions options = {}, std::size_t step = 1000,
                   std::size_t series = 1000)
      : schemas(series) {
    Series known(schemas);
    metric::Batch batch;
    if (options.time == 0) options.time = 7;
    Exposition reader(text, options, known);
    while (reader.read(step, batch)) {
    }
    EXPECT_FALSE(reader.read(step, batch));
    report = reader.report();
    for (const metric::Row& row : batch.rows()) {
      const metric::Schema& schema = schemas[row.schema];
      char value[64];
      std::snprintf(value, sizeof value, "%.17g", metric::as_float(batch.value(row, 0)));
      lines += metric::group_key(schema.measurement, schema.tags) + " " + value + " " + std::to_string(row.time) + "\n";
    }
  }
};

ExpositionOptions open_metrics() {
  ExpositionOptions out;
  out.open_metrics = true;
  return out;
}

TEST(Exposition, SamplesOfEveryForm) {
  const Exposed read(
      "# HELP http_requests_total The total \\n number.\n# TYPE http_requests_total counter\n\n"
      "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
      "  spaced {  a = \"1\" , b=\"2\" , }   3 \n"
      "metric_without_timestamp_and_labels 12.47\n"
      "something_weird{problem=\"division by zero\"} -4.5e-3 -3982045\r\n"
      "empty{} +5\n"
      "a:b\t1e10\n");
  EXPECT_EQ(read.lines,
            "http_requests_total,code=200,method=post 1027 1395066363000000000\n"
            "spaced,a=1,b=2 3 7\n"
            "metric_without_timestamp_and_labels 12.470000000000001 7\n"
            "something_weird,problem=division\\ by\\ zero -0.0044999999999999997 -3982045000000\n"
            "empty 5 7\n"
            "a:b 10000000000 7\n");
  EXPECT_EQ(read.report.samples, 6U);
  EXPECT_EQ(read.report.first_refusal, "");
}

TEST(Exposition, EscapesOfLabelValues) {
  const Exposed read("m{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find:\\n\\\"F\\\"\",odd=\"\\q}\"} 1\n");
  EXPECT_EQ(read.lines, "m,error=Cannot\\ find:\n\"F\",odd=\\q},path=C:\\DIR\\FILE.TXT 1 7\n");
}

TEST(Exposition, QuotedNames) {
  const Exposed read("{\"my.metric\",\"a.b\"=\"c\"} 1\n{\"alone\"} 2\n");
  EXPECT_EQ(read.lines, "my.metric,a.b=c 1 7\nalone 2 7\n");
}

TEST(Exposition, ValuesThatAreNotFiniteAreCounted) {
  const Exposed read("a NaN\nb +Inf\nc -Inf\nd Inf\ne nan\nf 1\n");
  EXPECT_EQ(read.lines, "f 1 7\n");
  EXPECT_EQ(read.report.not_finite, 5U);
  EXPECT_EQ(read.report.refused, 0U);
}

TEST(Exposition, ABadLineCostsItself) {
  const auto refusal = [](const std::string& bad) {
    const Exposed read("first 1\n" + bad + "\nlast 2\n");
    EXPECT_EQ(read.lines, "first 1 7\nlast 2 7\n") << bad;
    EXPECT_EQ(read.report.refused, 1U) << bad;
    return read.report.first_refusal;
  };
  EXPECT_EQ(refusal("1bad 1"), "line 2: no metric's name begins it");
  EXPECT_EQ(refusal("m-n 1"), "line 2: no metric's name begins it");
  EXPECT_EQ(refusal("m"), "line 2: the value is missing");
  EXPECT_EQ(refusal("m x"), "line 2: the value is no number");
  EXPECT_EQ(refusal("m 1e999"), "line 2: the value is no number");
  EXPECT_EQ(refusal("m 1 x"), "line 2: the time is none");
  EXPECT_EQ(refusal("m 1 99999999999999999999"), "line 2: the time is none");
  EXPECT_EQ(refusal("m 1 2 3"), "line 2: there is something behind value and time");
  EXPECT_EQ(refusal("m{a=\"1\" 1"), "line 2: ',' or '}' is missing behind a label");
  EXPECT_EQ(refusal("m{a=1} 1"), "line 2: a label's value is not a quoted text");
  EXPECT_EQ(refusal("m{a=\"1} 1"), "line 2: a label's value is not a quoted text");
  EXPECT_EQ(refusal("m{a=\"1\\"), "line 2: a label's value is not a quoted text");
  EXPECT_EQ(refusal("m{=\"1\"} 1"), "line 2: a label's name is missing");
  EXPECT_EQ(refusal("m{a} 1"), "line 2: '=' is missing behind a label's name");
  EXPECT_EQ(refusal("m{a=\"1\",a=\"2\"} 1"), "line 2: a label comes twice");
  EXPECT_EQ(refusal("m{__name__=\"x\"} 1"), "line 2: __name__ cannot be a label of its own");
  EXPECT_EQ(refusal("m{\"n\"} 1"), "line 2: label __name__ comes twice");
  EXPECT_EQ(refusal("{a=\"1\"} 1"), "line 2: no metric name: label __name__ is missing");
  EXPECT_EQ(refusal("m{time=\"1\"} 1"), "line 2: label 'time' is reserved: no query could name it");
}

TEST(Exposition, ALineWithoutItsEndIsCutOff) {
  const Exposed read("a 1\nb 12");
  EXPECT_EQ(read.lines, "a 1 7\n");
  EXPECT_EQ(read.report.first_refusal, "line 2: no line feed at its end: it is cut off");
  EXPECT_EQ(Exposed("").report.refused, 0U);
}

TEST(Exposition, OpenMetrics) {
  const std::string text =
      "# TYPE foo histogram\n"
      "foo_bucket{le=\"0.1\"} 8 # {} 0.054\n"
      "foo_bucket{le=\"1.0\"} 11 1520879607.789 # {trace_id=\"KOO5S4vxi0o # \"} 0.67 1520879606.1\n"
      "foo_count 17\n";
  const Exposed read(text + "# EOF\n", open_metrics());
  EXPECT_EQ(read.lines, "foo_bucket,le=0.1 8 7\nfoo_bucket,le=1.0 11 1520879607789000000\nfoo_count 17 7\n");
  EXPECT_EQ(read.report.refused, 0U);
  EXPECT_EQ(Exposed(text + "# EOF", open_metrics()).report.refused, 0U);
  EXPECT_EQ(Exposed(text, open_metrics()).report.first_refusal, "line 5: # EOF is missing: the answer is cut off");
  EXPECT_EQ(Exposed(text + "# EOF\nx 1\n", open_metrics()).report.first_refusal,
            "line 6: there is something behind # EOF");
}

TEST(Exposition, TagsAreForSeriesWithoutThatLabel) {
  ExpositionOptions options;
  options.tags = {{"job", "node"}, {"instance", "a:9100"}};
  EXPECT_EQ(Exposed("m{job=\"own\"} 1\n", options).lines, "m,instance=a:9100,job=own 1 7\n");
  options.use_times = false;
  EXPECT_EQ(Exposed("m 1 5\n", options).lines, "m,instance=a:9100,job=node 1 7\n");
}

TEST(Exposition, PiecesSayTheSameAsTheWhole) {
  const std::string text = "a 1\nbad\nb 2\n# comment\nc NaN\nd{x=\"y\"} 4\ne 5";
  const Exposed whole(text);
  for (std::size_t step = 1; step < 8; ++step) {
    const Exposed pieces(text, {}, step);
    EXPECT_EQ(pieces.lines, whole.lines);
    EXPECT_EQ(pieces.report.refused, whole.report.refused);
    EXPECT_EQ(pieces.report.first_refusal, whole.report.first_refusal);
  }
}

TEST(Exposition, SeriesAreBounded) {
  const Exposed read("a 1\nb 2\nc 3\na 4\n", {}, 1000, 2);
  EXPECT_EQ(read.lines, "a 1 7\nb 2 7\na 4 7\n");
  EXPECT_EQ(read.report.refused, 1U);
}

TEST(Exposition, HostileTextIsReadInProportionToItsSize) {
  const auto parse = [](const std::string& text) { (void)Exposed(text); };
  const auto parse_open = [](const std::string& text) { (void)Exposed(text, open_metrics()); };
  using test::repeated;
  EXPECT_EQ(test::not_linear(
                80'000, [](std::size_t n) { return repeated("m{", "a=\"b\",", n, "} 1\n"); }, parse),
            "");
  EXPECT_EQ(test::not_linear(
                80'000, [](std::size_t n) { return repeated("m{a=\"", "\\\\", n, "\"} 1\n"); }, parse),
            "");
  EXPECT_EQ(test::not_linear(
                80'000, [](std::size_t n) { return repeated("", "m{a=\"", n, "\n"); }, parse),
            "");
  EXPECT_EQ(test::not_linear(
                80'000, [](std::size_t n) { return repeated("m 1", " # ", n, "\n"); }, parse_open),
            "");
  EXPECT_EQ(test::not_linear(
                20'000, [](std::size_t n) { return repeated("", "bad line\n", n, ""); }, parse),
            "");
}

}  // namespace
}  // namespace resmon::prom
