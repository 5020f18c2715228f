#include "peer/influx.h"

#include <gtest/gtest.h>

#include "store/windows.h"

namespace resmon::peer {
namespace {

using metric::FieldType;

CatalogAnswer cpus() {
  CatalogAnswer out;
  out.fields = {{"busy", FieldType::kFloat}, {"n", FieldType::kInteger}, {"note", FieldType::kString}};
  for (const char* host : {"a", "b", "c"})
    for (const char* cpu : {"0", "1"}) out.series.push_back({{"cpu", cpu}, {"host", host}});
  std::sort(out.series.begin(), out.series.end());
  return out;
}

RowsRequest request_of(std::vector<std::vector<metric::Tag>> series) {
  RowsRequest out;
  out.measurement = "cpu";
  out.columns = {"note", "gone", "busy"};
  out.series = std::move(series);
  out.range = {1000, 2000};
  return out;
}

TEST(InfluxCatalog, HasFieldsWithTypesAndSeriesWithTags) {
  const auto read = read_influx_catalog(R"({"results":[
    {"series":[{"name":"m","columns":["fieldKey","fieldType"],
                "values":[["v","float"],["s","string"],["odd","duration"],["v","integer"]]}]},
    {"series":[{"columns":["key"],"values":[["m,host=web\\ 1,path=/a\\,b\\=c"],["m"],["m,host=b"]]}]}]})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->fields, (std::vector<metric::Field>{{"s", FieldType::kString}, {"v", FieldType::kFloat}}));
  EXPECT_EQ(read->series,
            (std::vector<std::vector<metric::Tag>>{{}, {{"host", "b"}}, {{"host", "web 1"}, {"path", "/a,b=c"}}}));
}

TEST(InfluxCatalog, HasTheSeriesOfRowsWhereTheDatabaseCannotListThem) {
  EXPECT_EQ(influx_catalog_statement_by_rows("m"), R"(SHOW FIELD KEYS FROM "m"; SELECT * FROM "m" GROUP BY * LIMIT 1)");
  const auto read = read_influx_catalog(R"({"results":[{},{"series":[
    {"name":"m","tags":{"host":"b","rack":""},"columns":["time","v"],"values":[[7,1]]},
    {"name":"m","tags":{"host":"a","rack":"1"},"columns":["time","v"],"values":[[8,1]]}]}]})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->series, (std::vector<std::vector<metric::Tag>>{{{"host", "a"}, {"rack", "1"}}, {{"host", "b"}}}));
}

TEST(InfluxCatalog, OfAMeasurementThatIsNotThereIsEmpty) {
  const auto read = read_influx_catalog(R"({"results":[{"statement_id":0},{"statement_id":1}]})");
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->series.empty());
}

TEST(InfluxAnswer, SaysTheDatabasesOwnError) {
  for (const char* text : {R"({"error":"database not found: resmon"})",
                           R"({"results":[{"statement_id":0,"error":"database not found: resmon"}]})"}) {
    const auto read = read_influx_measurements(text);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().message, "it answers: database not found: resmon");
  }
  for (const char* text : {"", "<html>", "[]", "{}", R"({"results":7})", R"({"results":[{},{}]})"})
    EXPECT_FALSE(read_influx_measurements(text)) << text;
}

TEST(InfluxStatement, NamesAndTextsAreQuoted) {
  EXPECT_EQ(influx_name("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(influx_text("it's\n"), R"('it\'s\n')");
}

TEST(InfluxStatement, SelectsByTheTagsThatTheSeriesHaveInCommon) {
  const InfluxRowsQuestion question =
      influx_rows_question(request_of({{{"cpu", "0"}, {"host", "b"}}, {{"cpu", "1"}, {"host", "b"}}}), cpus());
  EXPECT_EQ(question.statement,
            "SELECT \"note\"::field, \"busy\"::field FROM \"cpu\" WHERE \"host\"::tag='b' AND time >= 1000 AND time < "
            "2000 GROUP BY * LIMIT 100000");
  EXPECT_EQ(question.places, (std::vector<std::size_t>{0, 2}));
}

TEST(InfluxStatement, NamesEachSeriesWhereNothingElseTellsThemFromOthers) {
  const InfluxRowsQuestion question =
      influx_rows_question(request_of({{{"cpu", "0"}, {"host", "a"}}, {{"cpu", "1"}, {"host", "c"}}}), cpus());
  EXPECT_NE(question.statement.find("((\"cpu\"::tag='0' AND \"host\"::tag='a') OR (\"cpu\"::tag='1' AND "
                                    "\"host\"::tag='c')) AND time"),
            std::string::npos)
      << question.statement;
}

TEST(InfluxStatement, AsksForWindowsWithWhatTheirTypesHave) {
  RowsRequest request = request_of(cpus().series);
  request.columns = {"note", "n"};
  request.range = {INT64_MIN, INT64_MAX};
  request.width = store::kMinuteWidth;
  request.aggregates = store::aggregate_bit(store::Aggregate::kMin) | store::aggregate_bit(store::Aggregate::kCount);
  const InfluxRowsQuestion question = influx_rows_question(request, cpus());
  EXPECT_EQ(
      question.statement,
      "SELECT count(\"note\"::field), min(\"n\"::field), count(\"n\"::field) FROM \"cpu\" WHERE time >= 0 AND time "
      "< 9223372036854775806 GROUP BY time(60000000000ns), * fill(none) LIMIT 27777");
}

TEST(InfluxRows, ComeByPlaceWithTheirTypes) {
  const RowsRequest request = request_of({{{"cpu", "0"}, {"host", "a"}}, {{"cpu", "1"}, {"host", "a"}}});
  const InfluxRowsQuestion question = influx_rows_question(request, cpus());
  const auto page = read_influx_rows(R"({"results":[{"series":[
    {"name":"cpu","tags":{"cpu":"1","host":"a","rack":""},"columns":["time","note","busy"],
     "values":[[1001,"x",1],[1002,null,2.5],[1003,7,null]]},
    {"name":"cpu","tags":{"cpu":"1","host":"other"},"columns":["time","note","busy"],"values":[[1001,"x",1]]}]}]})",
                                     request, question);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->series.size(), 2U);
  EXPECT_TRUE(page->series[0].blocks.empty());
  const store::Rows& rows = page->series[1].blocks.at(0);
  EXPECT_EQ(rows.times, (std::vector<UnixNanos>{1001, 1002, 1003}));
  const store::RowColumn& note = *rows.find(0);
  const store::RowColumn& busy = *rows.find(2);
  EXPECT_EQ(note.string(0), "x");
  EXPECT_EQ(note.presence, (std::vector<std::uint64_t>{1})) << "a number is no text";
  EXPECT_EQ(busy.presence, (std::vector<std::uint64_t>{3}));
  EXPECT_EQ(metric::as_float(busy.cells[0]), 1.0) << "a float that is written as a whole number";
  EXPECT_TRUE(page->series[1].whole);
}

TEST(InfluxRows, AnUnsignedNumberIsZeroOrMore) {
  CatalogAnswer catalog = cpus();
  catalog.fields = {{"busy", FieldType::kUnsigned}};
  const RowsRequest request = request_of({{{"cpu", "0"}, {"host", "a"}}});
  const auto page = read_influx_rows(R"({"results":[{"series":[{"tags":{"cpu":"0","host":"a"},
    "values":[[1001,0],[1002,-1],[1003,18446744073709551615],[1004,7]]}]}]})",
                                     request, influx_rows_question(request, catalog));
  ASSERT_TRUE(page);
  const store::RowColumn& column = *page->series[0].blocks.at(0).find(2);
  EXPECT_EQ(column.presence, (std::vector<std::uint64_t>{0b1101}));
  EXPECT_EQ(column.cells[0], 0U);
  EXPECT_EQ(column.cells[2], UINT64_MAX);
  EXPECT_EQ(column.cells[3], 7U);
}

TEST(InfluxRows, OfADescendingAnswerAscendInTheirBlock) {
  RowsRequest request = request_of({{{"cpu", "0"}, {"host", "a"}}});
  request.descending = true;
  InfluxRowsQuestion question = influx_rows_question(request, cpus());
  EXPECT_NE(question.statement.find(" ORDER BY time DESC LIMIT "), std::string::npos);
  question.most_rows = 2;
  const auto page =
      read_influx_rows(R"({"results":[{"series":[{"tags":{"cpu":"0","host":"a"},"values":[[9,"y",1],[8,"x",2]]}]}]})",
                       request, question);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->series[0].blocks.at(0).times, (std::vector<UnixNanos>{8, 9}));
  EXPECT_FALSE(page->series[0].whole) << "as many as were asked for: there may be more";
}

}  // namespace
}  // namespace resmon::peer
