// Queries with the answers that InfluxDB gave to the same rows; tests/oracle/main.cc says how they were recorded.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <string_view>

#include "base/file.h"
#include "influxql/execute.h"
#include "influxql/fake_reader.h"
#include "influxql/format/serialize.h"
#include "influxql/test_answers.h"
#include "lineproto/decoder.h"

namespace resmon::influxql {
namespace {

constexpr std::size_t kLeastRecorded = 250;

std::string fixture(const std::string& name) {
  return *read_file(std::string(RESMON_SOURCE_DIR) + "/tests/fixtures/influxql/" + name);
}

void fill(FakeReader& reader, std::string_view lines) {
  metric::SchemaTable schemas;
  lineproto::LineDecoder decoder(schemas);
  metric::Batch batch;
  ASSERT_EQ(decoder.decode(lines, {}, batch).refused_lines, 0U);
  for (const metric::Row& row : batch.rows()) {
    const metric::Schema& schema = schemas[row.schema];
    for (std::size_t i = 0; i < schema.fields.size(); ++i) {
      if (!batch.has(row, i)) continue;
      const auto add = [&](const auto& value) {
        reader.add(schema.measurement, schema.tags, schema.fields[i].name, row.time, value);
      };
      const metric::Cell cell = batch.value(row, i);
      if (schema.fields[i].type == metric::FieldType::kFloat) add(metric::as_float(cell));
      if (schema.fields[i].type == metric::FieldType::kInteger) add(metric::as_integer(cell));
      if (schema.fields[i].type == metric::FieldType::kBoolean) add(cell != 0);
      if (schema.fields[i].type == metric::FieldType::kString) add(std::string(batch.string(row, i)));
    }
  }
}

TEST(RecordedAnswers, AreOurs) {
  FakeReader reader(16);
  fill(reader, fixture("lines.txt"));
  ExecuteOptions options;
  options.requested_database = "resmon";
  options.now = 1'774'750'000'000'000'000;
  const std::string recorded = fixture("answers.txt");
  std::size_t count = 0;
  for (std::string_view rest = recorded; !rest.empty(); ++count) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const std::size_t tab = line.find('\t');
    const std::string query(line.substr(0, tab));
    std::string answer;
    write_json(execute(reader, query, options), {Epoch::kNanos, false, 0}, append_to(answer));
    EXPECT_EQ(difference(boost::json::parse(line.substr(tab + 1)), boost::json::parse(answer)), "") << query;
  }
  EXPECT_GE(count, kLeastRecorded);
}

}  // namespace
}  // namespace resmon::influxql
