// Every collector against the machine that the test runs on: the numbers are plausible, and gathering allocates nothing
// once it has run in.

#include <unistd.h>

#include <cmath>
#include <map>
#include <thread>

#include "collect/counting_new_test.h"
#include "collect/fixture_test.h"
#include "collect/gather.h"

namespace resmon::collect {
namespace {

struct Value {
  double number = 0;
  std::string text;
};

// measurement,tags → field → value
using Values = std::map<std::string, std::map<std::string, Value>>;

Values values_of(const metric::SchemaTable& schemas, const metric::Batch& batch) {
  Values all;
  for (const metric::Row& row : batch.rows()) {
    const metric::Schema& schema = schemas[row.schema];
    auto& group = all[metric::group_key(schema.measurement, schema.tags)];
    for (std::size_t field = 0; field < row.fields; ++field) {
      if (!batch.has(row, field)) continue;
      const metric::Cell cell = batch.value(row, field);
      Value& value = group[schema.fields[field].name];
      switch (schema.fields[field].type) {
        case metric::FieldType::kFloat:
          value.number = metric::as_float(cell);
          EXPECT_TRUE(std::isfinite(value.number)) << schema.measurement << " " << schema.fields[field].name;
          break;
        case metric::FieldType::kInteger:
          value.number = static_cast<double>(metric::as_integer(cell));
          break;
        case metric::FieldType::kString:
          value.text = metric::as_string(cell, batch.text());
          break;
        default:
          value.number = static_cast<double>(cell);
      }
    }
  }
  return all;
}

TEST(Live, EveryCollectorIsPlausibleHere) {
  metric::SchemaTable schemas;
  auto gatherer = std::move(Gatherer::make({}, schemas)).value();
  metric::Batch batch;
  gatherer->gather_all(Clock::system().wall(), batch);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  batch.clear();
  gatherer->gather_all(Clock::system().wall(), batch);
  for (const auto& health : gatherer->health()) EXPECT_EQ(health.error, "") << health.name;
  Values all = values_of(schemas, batch);

  auto& total = all["cpu,cpu=cpu-total"];
  EXPECT_EQ(total.size(), 11U);
  double sum = 0;
  for (const auto& [name, value] : total) {
    EXPECT_GE(value.number, 0) << name;
    EXPECT_LE(value.number, 100) << name;
    if (name != "usage_active") sum += value.number;
  }
  EXPECT_NEAR(sum, 100, 0.1);
  EXPECT_EQ(all["system"]["n_cpus"].number, static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)));

  auto& mem = all["mem"];
  EXPECT_NEAR(mem["total"].number,
              static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE)),
              mem["total"].number / 100);
  EXPECT_EQ(mem["used"].number, mem["total"].number - mem["available"].number);
  EXPECT_NEAR(mem["used_percent"].number + mem["available_percent"].number, 100, 0.02);
  EXPECT_EQ(mem.size(), 34U);

  EXPECT_GT(all["processes"]["total"].number, 0);
  EXPECT_GE(all["processes"]["total_threads"].number,
            all["processes"]["total"].number - all["processes"]["zombies"].number);
  EXPECT_GE(all["processes"]["running"].number, 1) << "this one";
  EXPECT_GT(all["kernel"]["boot_time"].number, 1e9);
  EXPECT_NEAR(all["system"]["uptime"].number + all["kernel"]["boot_time"].number,
              static_cast<double>(Clock::system().wall()) / 1e9, 60)
      << "both say when the machine started";
  EXPECT_NE(all["system"]["uptime_format"].text, "");
  EXPECT_GT(all["linux_sysctl_fs"]["file-nr"].number, 0);
  EXPECT_EQ(all["netstat"].size(), 13U);
  EXPECT_EQ(all["swap"].size(), 6U);
  for (const auto& [group, fields] : all) {
    if (!group.starts_with("disk,")) continue;
    const double used = fields.at("used").number;
    EXPECT_LE(used + fields.at("free").number, fields.at("total").number) << group;
    EXPECT_LE(fields.at("used_percent").number, 100) << group;
  }
}

TEST(Live, NetlinkAndTextSayTheSameOfListeners) {
  // Listening sockets hardly change between two gathers, so the two ways must agree on them.
  testing::Machine machine;
  machine.roots.proc = "/proc/self/root/proc";  // the same /proc, but not by its own name: the text is read
  const auto listeners = [](Collector& collector, const metric::SchemaTable& schemas) {
    metric::Batch batch;
    GatherContext context;
    context.sequence = 1;
    const Status status = collector.gather(context, batch);
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
    return values_of(schemas, batch)["netstat"]["tcp_listen"].number;
  };
  for (int attempt = 0; attempt < 5; ++attempt) {
    metric::SchemaTable schemas;
    Shared own{Roots{}};
    Shared foreign{machine.roots};
    const double by_netlink = listeners(*make_netstat(Roots{}, {}, schemas, own), schemas);
    const double by_text = listeners(*make_netstat(machine.roots, {}, schemas, foreign), schemas);
    if (by_netlink == by_text) return;
  }
  FAIL() << "they never agreed";
}

TEST(Live, TheSteadyStateAllocatesNothing) {
#ifdef RESMON_EMULATED
  GTEST_SKIP() << "the emulator makes up this process's stat file without its threads: an odd line at each gather";
#endif
  metric::SchemaTable schemas;
  GatherOptions options;
  options.interval = std::chrono::milliseconds(1);
  auto gatherer = std::move(Gatherer::make(options, schemas)).value();
  metric::Batch batch;
  // A process, disk or interface that appears meanwhile is new and has to be remembered: try again then.
  std::uint64_t in_gathers = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    for (int i = 0; i < 2; ++i) {
      batch.clear();
      gatherer->gather_all(Clock::system().wall(), batch);
    }
    testing::count_allocations(true);
    for (int i = 0; i < 8; ++i) {
      batch.clear();
      gatherer->gather_all(Clock::system().wall(), batch);
    }
    in_gathers = testing::count_allocations(false);
    if (in_gathers == 0) break;
  }
  EXPECT_EQ(in_gathers, 0U);
  EXPECT_GT(batch.samples(), 100U);
}

}  // namespace
}  // namespace resmon::collect
