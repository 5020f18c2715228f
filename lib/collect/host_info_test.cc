#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

TEST(HostInfo, AtTheStartOnChangeAndEachHour) {
  Machine machine;
  machine.capture("host");
  machine.write("sys/class/dmi/id/sys_vendor", "QEMU\n");
  machine.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n");
  Probe probe(machine, make_host_info);
  const Lines first = probe.gather();
  ASSERT_EQ(first.size(), 1U);
  for (const char* part :
       {"host_info os=\"Debian GNU/Linux\",os_version=\"12 (bookworm)\",os_id=\"debian\",", "kernel=\"6.1.0-13-amd64\"",
        "cpu_model=\"Some CPU @ 2 GHz\"", "virtualization=\"kvm\"", "client_version=\"", "memory_total=", "boot_time="})
    EXPECT_NE(first[0].find(part), std::string::npos) << part << " in " << first[0];
  EXPECT_EQ(probe.gather(), first);
  EXPECT_EQ(probe.gather(), Lines{});
  machine.write("proc/sys/kernel/osrelease", "6.5.0\n");
  EXPECT_EQ(probe.gather(), Lines{}) << "looked at once a minute";
  const Lines changed = probe.gather(std::chrono::seconds(61));
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_NE(changed[0].find("kernel=\"6.5.0\""), std::string::npos);
  EXPECT_EQ(probe.gather(std::chrono::seconds(61)), Lines{});
  EXPECT_EQ(probe.gather(std::chrono::hours(1)), changed);
  EXPECT_EQ(probe.error, "");
}

// In a container the root of the control groups is its own, and has files that the machine's root lacks.
TEST(HostInfo, AContainersLimitsAreItsSize) {
  Machine machine;
  machine.capture("host");
  machine.write("root/run/systemd/container", "docker\n");
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  machine.write("sys/fs/cgroup/memory.max", "536870912\n").write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  Probe probe(machine, make_host_info);
  Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find(",memory_limit=536870912i,cpu_limit=1.5"), std::string::npos) << lines[0];
  machine.write("sys/fs/cgroup/memory.max", "max\n").write("sys/fs/cgroup/cpu.max", "max 100000\n");
  lines = probe.gather();
  EXPECT_EQ(lines[0].find("_limit"), std::string::npos) << "it has none";
  EXPECT_EQ(probe.error, "");

  Machine old;
  old.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  old.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n").write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  Probe version_1(old, make_host_info);
  EXPECT_TRUE(version_1.gather().at(0).ends_with(",memory_limit=268435456i,cpu_limit=0.5"));
  old.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  old.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(version_1.gather().at(0).find("_limit"), std::string::npos);
}

TEST(HostInfo, WhatIsNotThereIsAbsent) {
  Machine machine;
  Probe probe(machine, make_host_info);
  const Lines lines = probe.gather();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("host_info client_version=")) << lines[0];
  EXPECT_EQ(probe.error, "");
}

}  // namespace
}  // namespace resmon::collect
