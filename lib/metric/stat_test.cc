#include "metric/stat.h"

#include <gtest/gtest.h>

#include <array>

namespace resmon::metric {
namespace {

struct Machine {
  std::uint64_t turns = 0;
  std::uint64_t limit = 0;
  std::int64_t below = 0;
  double seconds = 0;
  std::optional<std::uint32_t> spare;
  std::optional<double> load;
  bool up = false;
};

constexpr std::array<Stat<Machine>, 8> kStats{{
    {StatKind::kCounter, "turns_total", "turns", "turns", "Turns.", [](const Machine& m) { return m.turns; }},
    {StatKind::kLimit, "limit", "limit", "limit", "The limit.", [](const Machine& m) { return m.limit; }},
    {StatKind::kGauge, "below", "", "below", "Below.", [](const Machine& m) { return m.below; }},
    {StatKind::kGauge, "", "secret", "", "In JSON only.", [](const Machine& m) { return m.turns; }},
    {StatKind::kGauge, "seconds", "seconds", "seconds", "Time.", [](const Machine& m) { return m.seconds; }, 1},
    {StatKind::kGauge, "spare", "spare", "spare", "Spare.", [](const Machine& m) { return m.spare; }},
    {StatKind::kGauge, "load", "load", "load", "Load.", [](const Machine& m) { return m.load; }},
    {StatKind::kGauge, "up", "", "up", "1: it runs.", [](const Machine& m) { return m.up; }},
}};

std::vector<std::string> cells(const Machine& machine) {
  const Schema schema = stat_schema("machine", {}, kStats);
  Batch batch;
  add_stats(kStats, machine, 1, 5, batch);
  const Row& row = batch.rows().at(0);
  EXPECT_EQ(row.fields, schema.fields.size());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    std::string value = "-";
    if (batch.has(row, i) && field.type == FieldType::kFloat) value = std::to_string(as_float(batch.value(row, i)));
    if (batch.has(row, i) && field.type == FieldType::kInteger) value = std::to_string(as_integer(batch.value(row, i)));
    out.push_back(field.name + "=" + value);
  }
  return out;
}

TEST(StatTest, ARowHasTheFieldsThatApply) {
  using Cells = std::vector<std::string>;
  EXPECT_EQ(cells({.turns = 7, .limit = 9, .below = -3, .seconds = 1.23456, .spare = 4, .load = 0.5, .up = true}),
            (Cells{"turns=7", "limit=9", "below=-3", "seconds=1.235000", "spare=4", "load=0.500000", "up=1"}));
  EXPECT_EQ(cells({}), (Cells{"turns=0", "limit=-", "below=0", "seconds=0.000000", "spare=-", "load=-", "up=0"}));
}

TEST(StatTest, ASchemaHasSortedTags) {
  const Schema schema = stat_schema("machine", {{"z", "1"}, {"a", "2"}, {"none", ""}}, kStats);
  EXPECT_EQ(schema.measurement, "machine");
  EXPECT_EQ(std::vector<Tag>(schema.tags), (std::vector<Tag>{{"a", "2"}, {"z", "1"}}));
}

TEST(StatTest, SeveralTablesFillOneRow) {
  std::vector<Field> fields;
  add_stat_fields(kStats, fields);
  add_stat_fields(kStats, fields);
  ASSERT_EQ(fields.size(), 14U);
  Batch batch;
  RowWriter row = batch.add(1, fields.size(), 5);
  Machine one;
  one.turns = 1;
  Machine other;
  other.turns = 2;
  const std::size_t next = set_stats(kStats, one, row);
  EXPECT_EQ(next, 7U);
  EXPECT_EQ(set_stats(kStats, other, row, next), 14U);
  EXPECT_EQ(as_integer(batch.value(batch.rows()[0], 0)), 1);
  EXPECT_EQ(as_integer(batch.value(batch.rows()[0], 7)), 2);
}

}  // namespace
}  // namespace resmon::metric
