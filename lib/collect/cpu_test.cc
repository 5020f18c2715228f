#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

TEST(Cpu, PercentagesFromTheSecondGather) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_cpu);
  EXPECT_EQ(probe.gather(), Lines{});
  machine.capture("host_later");
  const Lines lines = probe.gather();
  EXPECT_EQ(probe.error, "");
  ASSERT_EQ(lines.size(), 3U) << "cpu2 is new and has no rate yet";
  EXPECT_EQ(lines[0],
            "cpu,cpu=cpu0 usage_user=50,usage_system=20,usage_idle=20,usage_nice=0,usage_iowait=0,usage_irq=0,"
            "usage_softirq=0,usage_steal=0,usage_guest=10,usage_guest_nice=0,usage_active=80");
  EXPECT_EQ(lines[1],
            "cpu,cpu=cpu1 usage_user=0,usage_system=0,usage_idle=100,usage_nice=0,usage_iowait=0,usage_irq=0,"
            "usage_softirq=0,usage_steal=0,usage_guest=0,usage_guest_nice=0,usage_active=0")
      << "its iowait went back";
  EXPECT_TRUE(lines[2].starts_with("cpu,cpu=cpu-total usage_user=25.13,usage_system=10.05,usage_idle=59.8,"))
      << lines[2];
}

TEST(Cpu, ACpuThatWasAwayBeginsAnew) {
  Machine machine;
  const auto stat = [&](const std::string& cpus) { machine.write("proc/stat", "cpu  1 2 3 4\n" + cpus); };
  stat("cpu0 10 0 0 10\ncpu1 1000 0 0 10\n");
  Probe probe(machine, make_cpu);
  probe.gather();
  stat("cpu0 20 0 0 20\n");
  EXPECT_EQ(probe.gather().size(), 1U);
  stat("cpu0 30 0 0 30\ncpu1 1 0 0 9\n");
  EXPECT_EQ(probe.gather().size(), 1U);
  stat("cpu0 40 0 0 40\ncpu1 2 0 0 12\n");
  const Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[1].starts_with("cpu,cpu=cpu1 usage_user=25,usage_system=0,usage_idle=75,")) << lines[1];
}

TEST(Cpu, CountersThatAllWentBackGiveNoRow) {
  Machine machine;
  machine.write("proc/stat", "cpu  100 100 100 100\n");
  Probe probe(machine, make_cpu);
  probe.gather();
  machine.write("proc/stat", "cpu  1 1 1 1\n");
  EXPECT_EQ(probe.gather(), Lines{});
  machine.write("proc/stat", "cpu  2 1 1 1\n");
  EXPECT_TRUE(probe.gather().at(0).starts_with("cpu,cpu=cpu-total usage_user=100,"));
}

TEST(Cpu, HugeCountersStayPercentages) {
  Machine machine;
  machine.write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\n");
  Probe probe(machine, make_cpu);
  probe.gather();
  std::string most = "cpu ";
  for (int i = 0; i < 10; ++i) most += " 18446744073709551615";
  machine.write("proc/stat", most + "\n");
  const std::string line = probe.gather().at(0);
  EXPECT_TRUE(line.starts_with("cpu,cpu=cpu-total usage_user=0,usage_system=12.5,")) << line;
}

TEST(Cpu, FilterByName) {
  Machine machine;
  machine.capture("host");
  CollectorOptions options;
  options.filter.include = {"cpu-*"};
  Probe probe(machine, make_cpu, options);
  probe.gather();
  machine.capture("host_later");
  EXPECT_EQ(probe.gather().size(), 1U);
}

TEST(Cpu, AMalformedFileIsNamed) {
  Machine machine;
  machine.write("proc/stat", "cpu  1 x\n");
  Probe probe(machine, make_cpu);
  probe.gather();
  EXPECT_EQ(probe.error,
            machine.path("proc/stat") + ": line 1: a cpu line without at least four numbers: \"cpu  1 x\"");
  machine.remove("proc");
  Probe missing(machine, make_cpu);
  missing.gather();
  EXPECT_EQ(missing.error, machine.path("proc/stat") + ": No such file or directory");
}

}  // namespace
}  // namespace resmon::collect
