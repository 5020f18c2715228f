#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Machine;
using testing::Probe;

TEST(Mem, UsedIsWhatIsNotAvailable) {
  Machine machine;
  machine.write("proc/meminfo",
                "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 10 kB\nCached: 200 "
                "kB\nSReclaimable: 50 kB\n");
  Probe probe(machine, make_mem);
  const std::string line = probe.gather().at(0);
  EXPECT_TRUE(line.starts_with("mem total=1024000i,free=102400i,")) << line;
  EXPECT_TRUE(line.ends_with("available=614400i,used=409600i,cached=256000i,used_percent=40,available_percent=60"))
      << line;
}

TEST(Mem, AnOldKernelSaysNotWhatIsAvailable) {
  Machine machine;
  machine.capture("host");
  const auto old = read_file((testing::kFixtures / "old/meminfo").string());
  machine.write("proc/meminfo", *old);
  Probe probe(machine, make_mem);
  const std::string line = probe.gather().at(0);
  EXPECT_TRUE(line.ends_with("available=358400i,used=665600i,cached=102400i,used_percent=65,available_percent=35"))
      << line;
}

TEST(Swap, SpaceAndTraffic) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_swap);
  const auto lines = probe.gather();
  const long page = ::sysconf(_SC_PAGESIZE);
  EXPECT_EQ(lines,
            (testing::Lines{"swap total=2147479552i,used=1073739776i,free=1073739776i,used_percent=50",
                            "swap in=" + std::to_string(12 * page) + "i,out=" + std::to_string(3000 * page) + "i"}));
}

TEST(Swap, WithoutSwapVmstatIsReadOnceAMinute) {
  Machine machine;
  machine.write("proc/meminfo", "MemTotal: 1000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
  machine.write("proc/vmstat", "pswpin 0\npswpout 0\n");
  Probe probe(machine, make_swap);
  EXPECT_EQ(probe.gather().at(0), "swap total=0i,used=0i,free=0i,used_percent=0");
  machine.write("proc/vmstat", "pswpin 1\npswpout 0\n");
  EXPECT_EQ(probe.gather().at(1), "swap in=0i,out=0i");
  EXPECT_NE(probe.gather(std::chrono::seconds(60)).at(1), "swap in=0i,out=0i");
  machine.write("proc/meminfo", "MemTotal: 1000 kB\nSwapTotal: 4 kB\nSwapFree: 4 kB\n").write("proc/vmstat", "x");
  EXPECT_EQ(probe.gather().size(), 1U) << "with swap it is read again, and is malformed";
  EXPECT_EQ(probe.error, "") << "the space was of use";
  EXPECT_EQ(probe.skipped_lines(), 1U);
}

TEST(Swap, AWrappedSizeIsNone) {
  Machine machine;
  machine.write("proc/meminfo",
                "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 400 kB\nBuffers: 1 kB\nCached: -4 kB\n"
                "SwapTotal: 0 kB\nSwapFree: 18446744073709346016 kB\nCommitted_AS: -8 kB\n");
  machine.write("proc/vmstat", "pswpin 3\npswpout x\n");
  Probe swap(machine, make_swap);
  const long page = ::sysconf(_SC_PAGESIZE);
  EXPECT_EQ(swap.gather(), (testing::Lines{"swap total=0i", "swap in=" + std::to_string(3 * page) + "i"}));
  EXPECT_EQ(swap.error, "");
  EXPECT_EQ(swap.skipped_lines(), 4U) << "three of meminfo, one of vmstat";
  Probe mem(machine, make_mem);
  const std::string line = mem.gather().at(0);
  EXPECT_TRUE(line.starts_with("mem total=1024000i,free=10240i,buffered=1024i,")) << line;
  EXPECT_TRUE(line.ends_with("available=409600i,used=614400i,used_percent=60,available_percent=40")) << line;
  EXPECT_EQ(line.find("cached="), std::string::npos);
  EXPECT_EQ(line.find("committed_as="), std::string::npos);
}

}  // namespace
}  // namespace resmon::collect
