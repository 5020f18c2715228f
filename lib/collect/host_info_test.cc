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
