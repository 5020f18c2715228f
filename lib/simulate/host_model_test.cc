#include "simulate/host_model.h"

#include "simulate/recording.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace resmon::simulate {
namespace {

constexpr UnixNanos kStart = 1'700'000'000'000'000'000;
constexpr std::int64_t kStep = 5'000'000'000;

std::vector<std::uint64_t> cells(std::uint64_t seed, Profile profile) {
  metric::SchemaTable schemas;
  HostModel model(seed, profile, schemas);
  std::vector<std::uint64_t> out;
  for (int i = 0; i < 20; ++i) {
    metric::Batch batch;
    model.gather(kStart + i * kStep, batch);
    for (const metric::Row& row : batch.rows())
      for (std::size_t f = 0; f < row.fields; ++f)
        if (schemas[row.schema].fields[f].type != metric::FieldType::kString) out.push_back(batch.value(row, f));
  }
  return out;
}

TEST(HostModelTest, OneSeedGivesOneMachine) {
  EXPECT_EQ(cells(1, Profile::kNormal), cells(1, Profile::kNormal));
  EXPECT_NE(cells(1, Profile::kNormal), cells(2, Profile::kNormal));
}

TEST(HostModelTest, ValuesArePossible) {
  metric::SchemaTable schemas;
  HostModel model(3, Profile::kBusy, schemas);
  std::map<std::pair<metric::SchemaId, std::size_t>, std::int64_t> counters;
  double active = 0;
  int rows = 0;
  for (int i = 0; i < 500; ++i) {
    metric::Batch batch;
    model.gather(kStart + i * kStep, batch);
    if (i > 0) {
      EXPECT_GE(batch.samples(), 200U);
    }
    for (const metric::Row& row : batch.rows()) {
      const metric::Schema& schema = schemas[row.schema];
      for (std::size_t f = 0; f < schema.fields.size(); ++f) {
        if (!batch.has(row, f)) continue;
        const std::string& name = schema.fields[f].name;
        if (schema.fields[f].type == metric::FieldType::kFloat) {
          const double v = metric::as_float(batch.value(row, f));
          ASSERT_TRUE(std::isfinite(v)) << schema.measurement << ' ' << name;
          ASSERT_GE(v, 0) << schema.measurement << ' ' << name;
          const bool of_a_core = schema.measurement == "docker_container_cpu";
          if (!of_a_core && (name.find("percent") != std::string::npos || name.starts_with("usage_"))) {
            ASSERT_LE(v, 100.01) << name;
          }
          if (schema.measurement == "cpu" && name == "usage_active") {
            active += v;
            ++rows;
          }
        }
        if (schema.measurement == "net" && name.starts_with("bytes")) {
          std::int64_t& last = counters[{row.schema, f}];
          ASSERT_GE(metric::as_integer(batch.value(row, f)), last);
          last = metric::as_integer(batch.value(row, f));
        }
      }
    }
  }
  EXPECT_GT(active / rows, 40);  // busy means busy
}

TEST(HostModelTest, ProcessesSumToWhatTheMachineUsed) {
  metric::SchemaTable schemas;
  HostModel model(7, Profile::kNormal, schemas);
  for (int i = 0; i < 50; ++i) {
    metric::Batch batch;
    model.gather(kStart + i * kStep, batch);
    double machine = 0;
    double processes = 0;
    for (const metric::Row& row : batch.rows()) {
      const metric::Schema& schema = schemas[row.schema];
      for (std::size_t f = 0; f < schema.fields.size(); ++f) {
        if (!batch.has(row, f)) continue;
        const std::string& name = schema.fields[f].name;
        const bool total = schema.measurement == "cpu" && schema.tags[0].value == "cpu-total";
        if (total && (name == "usage_user" || name == "usage_system" || name == "usage_softirq"))
          machine += metric::as_float(batch.value(row, f)) * model.cpus();
        if (schema.measurement == "procstat" && name == "cpu_usage") processes += metric::as_float(batch.value(row, f));
      }
    }
    EXPECT_NEAR(processes, machine, 0.5);
    EXPECT_EQ(machine == 0, i == 0);
  }
}

TEST(HostModelTest, HasContainersServicesAndHardware) {
  metric::SchemaTable schemas;
  HostModel model(3, Profile::kNormal, schemas);  // of this one an array lacks a disk
  std::map<std::string, int> rows;
  for (int i = 0; i < 13; ++i) {
    metric::Batch batch;
    model.gather(kStart + i * kStep, batch);
    for (const metric::Row& row : batch.rows()) ++rows[schemas[row.schema].measurement];
  }
  EXPECT_EQ(rows["host_info"], 2) << "at the start, and in the first gather that a recording keeps";
  for (const char* measurement : {"temp", "sensors", "mdstat", "smart_device", "timex", "docker_container_cpu",
                                  "docker_container_net", "docker_container_status", "docker_container_health"})
    EXPECT_GE(rows[measurement], 2) << measurement;
  EXPECT_GE(rows["systemd_units"], 12);
}

TEST(RecordingTest, RepeatsTheModelWithNewTimes) {
  constexpr std::chrono::seconds kInterval(5);
  metric::SchemaTable schemas;
  const Recording recording(4, Profile::kNormal, schemas, 3, kInterval);
  HostModel model(4, Profile::kNormal, schemas);
  for (int i = 0; i <= 6; ++i) {
    metric::Batch expected;
    if (i <= 3) model.gather(kStart + i * kStep, expected);
    if (i == 0) continue;  // no rates yet
    metric::Batch first;
    metric::Batch again;
    recording.gather(static_cast<std::uint64_t>(i - 1), kStart + 100 * kStep, first);
    recording.gather(static_cast<std::uint64_t>(i + 2), kStart + 101 * kStep, again);
    ASSERT_EQ(first.rows().size(), again.rows().size());
    for (std::size_t r = 0; r < first.rows().size(); ++r) {
      EXPECT_EQ(first.rows()[r].time, kStart + 100 * kStep);
      EXPECT_EQ(again.rows()[r].time, kStart + 101 * kStep);
    }
    if (i > 3) continue;
    ASSERT_EQ(expected.samples(), first.samples());
    for (std::size_t r = 0; r < first.rows().size(); ++r)
      for (std::size_t f = 0; f < first.rows()[r].fields; ++f)
        EXPECT_EQ(expected.value(expected.rows()[r], f), first.value(first.rows()[r], f));
  }
}

TEST(HostModelTest, ProfileNames) {
  EXPECT_EQ(parse_profile("idle").value(), Profile::kIdle);
  EXPECT_FALSE(parse_profile("lazy").has_value());
}

}  // namespace
}  // namespace resmon::simulate
