// Whole gathers on kernels that are old, or not quite Linux: captures re-made from what is known of each, with all that
// it lacks. tests/fixtures/proc/kernels/README says what each is.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "collect/fixture_test.h"
#include "collect/gather.h"

namespace resmon::collect {
namespace {

using testing::Machine;

class KernelClock final : public Clock {
 public:
  UnixNanos wall() const override { return now.count(); }
  std::chrono::steady_clock::time_point steady() const override { return std::chrono::steady_clock::time_point(now); }
  std::chrono::nanoseconds now{0};
};

int kernel_statfs(const char* path, struct ::statfs* out) {
  *out = {};
  if (std::string_view(path).ends_with("/proc")) return 0;
  out->f_bsize = 4096;
  out->f_blocks = 1000;
  out->f_bfree = 400;
  out->f_bavail = 300;
  out->f_files = 100;
  out->f_ffree = 75;
  return 0;
}

std::vector<std::string> kernels() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(testing::kFixtures / "kernels"))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

class Kernels : public ::testing::TestWithParam<std::string> {};

// Two gathers, five seconds apart, against NAME.golden; RESMON_UPDATE_GOLDEN=1 rewrites it. No collector fails for want
// of what a kernel has not got.
TEST_P(Kernels, GoldenGather) {
  Machine machine;
  machine.capture("kernels/" + GetParam());
  KernelClock clock;
  metric::SchemaTable schemas;
  GatherOptions options;
  options.roots = machine.roots;
  options.statfs_function = kernel_statfs;
  options.collectors["timex"].enabled = false;  // the clock is this machine's
  auto gatherer = Gatherer::make(options, schemas, clock);
  ASSERT_TRUE(gatherer);
  std::string got;
  const auto gather = [&](UnixNanos time) {
    clock.now = std::chrono::nanoseconds(time);
    metric::Batch batch;
    (*gatherer)->gather(time, batch);
    got.clear();
    for (const std::string& line : testing::lines(schemas, batch))
      if (!line.starts_with("internal_")) got += line + "\n";
  };
  gather(1'795'369'285'000'000'000);
  // A second later in the kernel's own counting.
  auto stat = read_file(machine.path("proc/stat"));
  ASSERT_TRUE(stat);
  std::string later = *stat;
  for (std::size_t at = 0; (at = later.find("90000", at)) != std::string::npos; at += 5) later.replace(at, 5, "90400");
  machine.write("proc/stat", later);
  gather(1'795'369'290'000'000'000);

  // The scratch folder's name is in no line.
  EXPECT_EQ(got.find("resmon-collect-"), std::string::npos);
  const std::string path = (testing::kFixtures / "kernels" / (GetParam() + ".golden")).string();
  if (const char* update = std::getenv("RESMON_UPDATE_GOLDEN"); update != nullptr && std::string_view(update) == "1")
    std::ofstream(path, std::ios::binary) << got;
  const auto want = read_file(path);
  ASSERT_TRUE(want) << "run once with RESMON_UPDATE_GOLDEN=1";
  EXPECT_EQ(got, *want);
  for (const Gatherer::Health& health : (*gatherer)->health()) EXPECT_EQ(health.error, "") << health.name;
}

INSTANTIATE_TEST_SUITE_P(All, Kernels, ::testing::ValuesIn(kernels()), [](const auto& kernel) {
  std::string name = kernel.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

}  // namespace
}  // namespace resmon::collect
