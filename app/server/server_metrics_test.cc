#include "server_metrics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "metric/pinned_types.h"
#include "stat_text.h"

namespace resmon::server {
namespace {

using metric::StatKind;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ServerMetricsTest, NamesAreThoseOfPrometheusAndUnique) {
  std::set<std::string_view> names;
  for (const DescribedStats& table : describe_stats()) {
    std::set<std::string_view> keys;
    for (const metric::StatInfo& one : table.stats) {
      SCOPED_TRACE(one.name.empty() ? one.key : one.name);
      EXPECT_TRUE(one.help.ends_with('.')) << one.help;
      EXPECT_FALSE(one.name.empty() && one.key.empty() && one.field.empty());
      EXPECT_TRUE(one.key.empty() || keys.insert(one.key).second);
      if (one.name.empty()) continue;
      EXPECT_TRUE(names.insert(one.name).second);
      EXPECT_TRUE(std::regex_match(std::string(one.name), std::regex("resmon_[a-z0-9_]*[a-z0-9]")));
      EXPECT_EQ(one.name.ends_with("_total"), one.kind == StatKind::kCounter);
      EXPECT_TRUE(one.kind != StatKind::kTime || one.name.ends_with("_seconds"));
    }
  }
  EXPECT_GT(names.size(), 120U);
}

TEST(ServerMetricsTest, EachObjectOfTheJsonHasItsMetrics) {
  for (const std::string_view object : {"ingest", "journal", "store", "http", "logs"})
    EXPECT_GT(stats_of_object(object).size(), 10U) << object;
}

// The tables of docs/server_metrics.md.
std::string reference() {
  std::string out;
  const auto code = [](std::string_view name) { return name.empty() ? std::string() : fmt::format("`{}`", name); };
  for (const DescribedStats& table : describe_stats()) {
    std::vector<std::string> places;
    if (!table.labels.empty()) places.push_back(fmt::format("Labels in `/metrics`: {}.", table.labels));
    if (!table.object.empty()) places.push_back(fmt::format("In `/api/v1/server`: `{}`.", table.object));
    const auto has_field = [](const metric::StatInfo& one) { return !one.field.empty(); };
    if (std::any_of(table.stats.begin(), table.stats.end(), has_field))
      places.push_back(fmt::format("Rows: `{}`.", table.measurement));
    out += fmt::format("\n## {}\n", table.title);
    if (!places.empty()) out += fmt::format("{}\n", fmt::join(places, " "));
    out += "\n| `/metrics` | type | JSON | field | meaning |\n|---|---|---|---|---|\n";
    for (const metric::StatInfo& one : table.stats)
      out += fmt::format("| {} | {} | {} | {} | {} |\n", code(one.name), prometheus_type(one.kind), code(one.key),
                         code(one.field), one.help);
  }
  return out;
}

TEST(ServerMetricsTest, TheReferenceHasEachMetric) {
  const std::string path = RESMON_SOURCE_DIR "/docs/server_metrics.md";
  const std::string page = read_file(path);
  const std::size_t tables = page.find("\n## ");
  ASSERT_NE(tables, std::string::npos);
  if (const char* update = std::getenv("RESMON_UPDATE_GOLDEN"); update != nullptr && std::string_view(update) == "1") {
    std::ofstream(path) << page.substr(0, tables) + reference();
    return;
  }
  EXPECT_EQ(page.substr(tables), reference()) << "RESMON_UPDATE_GOLDEN=1 rewrites the page";
}

// docs/schema.md, from which the types of stored fields are taken.
TEST(ServerMetricsTest, TheSchemaHasEachField) {
  std::map<std::string_view, std::size_t> fields;
  for (const DescribedStats& table : describe_stats()) {
    for (const metric::StatInfo& one : table.stats) {
      if (one.field.empty()) continue;
      ++fields[table.measurement];
      EXPECT_EQ(metric::pinned_type(table.measurement, one.field),
                one.real ? metric::FieldType::kFloat : metric::FieldType::kInteger)
          << table.measurement << " " << one.field;
    }
  }
  const std::string page = read_file(RESMON_SOURCE_DIR "/docs/schema.md");
  for (const auto& [measurement, count] : fields) {
    const std::size_t begin = page.find(fmt::format("\n## {}\n", measurement));
    ASSERT_NE(begin, std::string::npos) << measurement;
    std::istringstream section(page.substr(begin + 1, page.find("\n## ", begin + 1) - begin - 1));
    std::size_t documented = 0;
    for (std::string line; std::getline(section, line);)
      if (std::smatch row; std::regex_match(line, row, std::regex(R"(\| ([^|]+) \| [fisb] \|.*)")))
        documented += 1 + static_cast<std::size_t>(std::ranges::count(row[1].str(), ','));
    EXPECT_EQ(documented, count) << "fields of " << measurement;
  }
}

TEST(StatTextTest, PrometheusTextHasTypesAndLabels) {
  struct Disk {
    std::uint64_t reads = 0;
    std::optional<double> heat;
    std::int64_t since = 0;
  };
  constexpr metric::Stat<Disk> kDisk[] = {
      {StatKind::kCounter, "reads_total", "reads", "", "Reads.", [](const Disk& disk) { return disk.reads; }},
      {StatKind::kGauge, "heat", "heat", "", "Heat.", [](const Disk& disk) { return disk.heat; }, 1},
      {StatKind::kTime, "since_seconds", "since", "", "Since when.", [](const Disk& disk) { return disk.since; }},
      {StatKind::kLimit, "", "limit", "", "In JSON only.", [](const Disk&) { return 0; }},
  };
  Exposition one;
  one.add(kDisk, Disk{7, 0.25, 1'500'000'000'999'999'999});
  EXPECT_EQ(one.take(),
            "# HELP reads_total Reads.\n# TYPE reads_total counter\nreads_total 7\n"
            "# HELP heat Heat.\n# TYPE heat gauge\nheat 0.25\n"
            "# HELP since_seconds Since when.\n# TYPE since_seconds gauge\nsince_seconds 1500000000\n");
  Exposition absent;
  absent.add(kDisk, Disk{});
  EXPECT_THAT(absent.take(), ::testing::Not(::testing::HasSubstr("heat")));
  Exposition each;
  each.add_each(kDisk, std::vector<std::pair<std::string, Disk>>{{prometheus_label("disk", "a\"b"), {1, 2.0, 0}},
                                                                 {prometheus_label("disk", "c"), {3, {}, 0}}});
  EXPECT_EQ(each.take(),
            "# HELP reads_total Reads.\n# TYPE reads_total counter\n"
            "reads_total{disk=\"a\\\"b\"} 1\nreads_total{disk=\"c\"} 3\n"
            "# HELP heat Heat.\n# TYPE heat gauge\nheat{disk=\"a\\\"b\"} 2\n"
            "# HELP since_seconds Since when.\n# TYPE since_seconds gauge\n"
            "since_seconds{disk=\"a\\\"b\"} 0\nsince_seconds{disk=\"c\"} 0\n");
  Exposition none;
  none.add_each(kDisk, std::vector<std::pair<std::string, Disk>>{});
  EXPECT_EQ(none.take(), "");
  JsonObject full;
  EXPECT_EQ(put_stats(full, kDisk, Disk{7, 0.25, 1'500'000'000'999'999'999}).finish(),
            R"({"reads":7,"heat":0.2,"since":1500000000999,"limit":0})");
  JsonObject empty;
  EXPECT_EQ(put_stats(empty, kDisk, Disk{}).finish(), R"({"reads":0,"heat":null,"since":null,"limit":0})");
}

}  // namespace
}  // namespace resmon::server
