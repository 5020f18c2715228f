#include "collect/gather.h"

#include <fstream>
#include <map>
#include <set>

#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;

class ManualClock final : public Clock {
 public:
  UnixNanos wall() const override { return now.count(); }
  std::chrono::steady_clock::time_point steady() const override { return std::chrono::steady_clock::time_point(now); }
  std::chrono::nanoseconds now{0};
};

constexpr UnixNanos kSecond = 1'000'000'000;

std::size_t occurrences(const std::string& log, const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
  return count;
}

int fixed_statfs(const char* path, struct ::statfs* out) {
  *out = {};
  const std::string_view p(path);
  if (p.ends_with("/proc") || p.find("/sys") != std::string_view::npos) return 0;
  if (p.ends_with("/private")) return EACCES;
  out->f_bsize = 4096;
  out->f_blocks = 1000 + p.size();
  out->f_bfree = 400;
  out->f_bavail = 300;
  out->f_files = 100;
  out->f_ffree = 75;
  return 0;
}

GatherOptions options_on(const Machine& machine, std::chrono::nanoseconds interval = GatherOptions().interval) {
  GatherOptions options;
  options.roots = machine.roots;
  options.interval = interval;
  options.statfs_function = fixed_statfs;
  options.collectors["timex"].enabled = false;  // the clock is this machine's
  return options;
}

// The whole gather over a capture, twice, against the file that says what it must be. RESMON_UPDATE_GOLDEN=1 rewrites
// that file.
TEST(Gather, GoldenGatherOfACapture) {
  Machine machine;
  machine.capture("host");
  machine.roots.root = "/nowhere";
  ManualClock clock;
  metric::SchemaTable schemas;
  const GatherOptions options = options_on(machine);
  auto gatherer = Gatherer::make(options, schemas, clock);
  ASSERT_TRUE(gatherer);
  std::string got;
  const auto gather = [&](UnixNanos time) {
    clock.now = std::chrono::nanoseconds(time);
    metric::Batch batch;
    (*gatherer)->gather(time, batch);
    for (const std::string& line : testing::lines(schemas, batch)) got += line + "\n";
  };
  gather(1'795'369'285 * kSecond);
  machine.capture("host_later");
  gather(1'795'369'290 * kSecond);

  const std::string path = (testing::kFixtures / "gather.golden").string();
  if (const char* update = std::getenv("RESMON_UPDATE_GOLDEN"); update != nullptr && std::string_view(update) == "1")
    std::ofstream(path, std::ios::binary) << got;
  const auto want = read_file(path);
  ASSERT_TRUE(want) << "run once with RESMON_UPDATE_GOLDEN=1";
  EXPECT_EQ(got, *want);
  for (const Gatherer::Health& health : (*gatherer)->health()) EXPECT_EQ(health.error, "") << health.name;
}

// Which collectors reported in a gather, from their internal_collector rows.
std::set<std::string> reported(const metric::SchemaTable& schemas, const metric::Batch& batch) {
  std::set<std::string> names;
  for (const metric::Row& row : batch.rows())
    if (schemas[row.schema].measurement == "internal_collector") names.insert(schemas[row.schema].tags[0].value);
  return names;
}

TEST(Gather, EachCollectorAtItsOwnMultiplesOfWallClockTime) {
  Machine machine;
  machine.capture("host");
  ManualClock clock;
  metric::SchemaTable schemas;
  GatherOptions options = options_on(machine, std::chrono::seconds(5));
  for (const CollectorInfo& info : registry()) options.collectors[std::string(info.name)].enabled = false;
  options.collectors["mem"].enabled = true;
  options.collectors["kernel"].enabled = true;
  options.collectors["kernel"].interval = std::chrono::seconds(2);
  auto gatherer = std::move(Gatherer::make(options, schemas, clock)).value();
  metric::Batch batch;
  const auto at = [&](UnixNanos time) {
    batch.clear();
    gatherer->gather(time, batch);
    return reported(schemas, batch);
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(gatherer->next_due(0), 2 * kSecond);
  EXPECT_EQ(gatherer->next_due(4 * kSecond), 5 * kSecond);
  EXPECT_EQ(gatherer->next_due(5 * kSecond), 6 * kSecond);
  EXPECT_EQ(at(10 * kSecond), (Names{"mem", "kernel"}));
  EXPECT_EQ(at(10 * kSecond), Names{}) << "once each";
  EXPECT_EQ(at(12 * kSecond), Names{"kernel"});
  EXPECT_EQ(at(14 * kSecond), Names{"kernel"});
  EXPECT_EQ(at(15 * kSecond), Names{"mem"});
  EXPECT_EQ(at(23 * kSecond), (Names{"mem", "kernel"})) << "late is better than not at all";
  EXPECT_EQ(at(3 * kSecond), (Names{"mem", "kernel"})) << "the clock was set back";
  batch.clear();
  gatherer->gather_all(3 * kSecond, batch);
  EXPECT_EQ(reported(schemas, batch), (Names{"mem", "kernel"}));
}

TEST(Gather, WhatComesAndGoesIsLoggedOnceAMinute) {
  Machine machine;
  machine.capture("host");
  ManualClock clock;
  metric::SchemaTable schemas;
  GatherOptions options = options_on(machine, std::chrono::seconds(1));
  options.collectors["swap"].enabled = false;
  auto gatherer = std::move(Gatherer::make(options, schemas, clock)).value();
  metric::Batch batch;
  ::testing::internal::CaptureStderr();
  for (int second = 1; second <= 70; ++second) {
    clock.now = std::chrono::seconds(second);
    machine.capture("host");
    if (second % 2 != 0) machine.write("proc/meminfo", "broken");
    batch.clear();
    gatherer->gather(second * kSecond, batch);
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(occurrences(log, "collector failed"), 2U) << log;
  EXPECT_EQ(occurrences(log, "collector works again"), 2U) << log;
}

TEST(Gather, OneFailureConcernsNoOther) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/meminfo", "broken");
  ManualClock clock;
  metric::SchemaTable schemas;
  GatherOptions options = options_on(machine, std::chrono::seconds(1));
  auto gatherer = std::move(Gatherer::make(options, schemas, clock)).value();
  metric::Batch batch;
  const auto health = [&](std::string_view name) {
    for (const auto& one : gatherer->health())
      if (one.name == name) return one;
    return Gatherer::Health{};
  };
  ::testing::internal::CaptureStderr();
  for (int i = 1; i <= 3; ++i) {
    batch.clear();
    gatherer->gather(i * kSecond, batch);
  }
  std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(occurrences(log, "collector failed"), 1U) << "once, not at every gather: " << log;
  EXPECT_EQ(occurrences(log, "left out what cannot be read"), 3U) << "mem, swap and host_info, once each: " << log;
  EXPECT_TRUE(health("swap").success) << "vmstat was of use";
  EXPECT_EQ(health("swap").skipped_lines, 3U);
  EXPECT_EQ(health("mem").failures, 3U);
  EXPECT_EQ(health("mem").error, machine.path("proc/meminfo") + ": line 1: no name: \"broken\"");
  EXPECT_TRUE(health("cpu").success);
  const Lines lines = testing::lines(schemas, batch);
  const auto has = [&](const std::string& text) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(has("internal_collector,collector=mem duration_seconds=0,success=false,failures=3i,skipped_lines=3i"));
  EXPECT_TRUE(has("internal_collector,collector=cpu duration_seconds=0,success=true,failures=0i,skipped_lines=0i"));
  EXPECT_TRUE(has("processes running="));

  machine.capture("host");
  ::testing::internal::CaptureStderr();
  gatherer->gather(4 * kSecond, batch);
  gatherer->gather(5 * kSecond, batch);
  log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(occurrences(log, "collector works again"), 1U) << log;
  EXPECT_TRUE(health("mem").success);
  EXPECT_EQ(health("mem").error, "");
  EXPECT_EQ(health("mem").failures, 3U);
}

TEST(Gather, UnknownNamesAndBadIntervalsAreErrors) {
  metric::SchemaTable schemas;
  GatherOptions unknown;
  unknown.collectors["cpuu"];
  const auto refused = Gatherer::make(unknown, schemas);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "cpuu: no such collector");
  GatherOptions zero;
  zero.interval = std::chrono::seconds(0);
  EXPECT_FALSE(Gatherer::make(zero, schemas));
}

TEST(Gather, AFullTableOfSchemasIsAnError) {
  Machine machine;
  machine.capture("host");
  metric::SchemaTable schemas(0);
  const GatherOptions options = options_on(machine);
  auto gatherer = std::move(Gatherer::make(options, schemas)).value();
  metric::Batch batch;
  ::testing::internal::CaptureStderr();
  gatherer->gather(kSecond, batch);
  gatherer->gather(6 * kSecond, batch);
  ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(batch.empty());
  // The capture has none of what these report.
  const std::set<std::string_view> rowless = {"cgroups", "services", "containers", "gpu", "smart"};
  for (const auto& health : gatherer->health()) EXPECT_EQ(health.success, rowless.contains(health.name)) << health.name;
}

}  // namespace
}  // namespace resmon::collect
