// system, processes, kernel, linux_sysctl_fs, pressure, nstat, interrupts, conntrack, softnet, mdstat, edac and
// battery.

#include <utmp.h>

#include <cstring>

#include "collect/fixture_test.h"
#include "collect/system.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

std::string utmp_record(short type, const char* user) {
  ::utmp entry{};
  entry.ut_type = type;
  std::strncpy(entry.ut_user, user, sizeof entry.ut_user - 1);
  return {reinterpret_cast<const char*>(&entry), sizeof entry};
}

TEST(System, ThreePoints) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_system);
  const Lines expected = {
      "system load1=0.52,load5=1.58,load15=10.09,n_cpus=2i,n_physical_cpus=2i,n_users=0i,n_unique_users=0i",
      "system uptime=277523i", "system uptime_format=\"3 days,  5:05\""};
  EXPECT_EQ(probe.gather(), expected);
  machine.write("root/var/run/utmp", utmp_record(USER_PROCESS, "ada"));
  EXPECT_TRUE(probe.gather().at(0).ends_with("n_users=0i,n_unique_users=0i")) << "looked for every ten seconds";
  EXPECT_TRUE(probe.gather(std::chrono::seconds(10)).at(0).ends_with("n_users=1i,n_unique_users=1i"));
  machine.write("root/run/utmp", utmp_record(USER_PROCESS, "ada") + utmp_record(BOOT_TIME, "reboot") +
                                     utmp_record(USER_PROCESS, "bob") + utmp_record(USER_PROCESS, "ada"));
  EXPECT_TRUE(probe.gather().at(0).ends_with("n_users=3i,n_unique_users=2i"));
  machine.write("root/run/utmp", "torn");
  const Lines without = probe.gather();
  EXPECT_EQ(without.size(), 3U) << "all but the users is still reported";
  EXPECT_TRUE(without.at(0).ends_with("n_physical_cpus=2i")) << without.at(0);
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 1U);
}

TEST(System, CoresFromSysfsOrElseFromCpuinfo) {
  Machine machine;
  machine.capture("host");
  machine.write("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n");
  machine.write("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n");
  EXPECT_NE(Probe(machine, make_system).gather().at(0).find("n_physical_cpus=1i"), std::string::npos);
  machine.remove("sys/devices");
  EXPECT_NE(Probe(machine, make_system).gather().at(0).find("n_physical_cpus=2i"), std::string::npos);
  machine.remove("proc/cpuinfo");
  EXPECT_EQ(Probe(machine, make_system).gather().at(0).find("n_physical_cpus"), std::string::npos);
}

TEST(System, WhereALineOfStatIsOddSysfsTellsTheCpus) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/stat", "cpu  1 2 3 4\n\ncpu1 1 2 3 4\nintr 1\n");
  Probe probe(machine, make_system);
  EXPECT_NE(probe.gather().at(0).find("n_cpus=2i,n_physical_cpus=2i"), std::string::npos);
  EXPECT_EQ(probe.error, "");
  machine.write("sys/devices/system/cpu/online", "0,3-x\n");
  EXPECT_EQ(probe.gather().at(0).find("n_cpus="), std::string::npos);
}

TEST(System, UptimeAsText) {
  const auto text = [](std::uint64_t seconds) {
    char buffer[64];
    return std::string(format_uptime(seconds, buffer, sizeof buffer));
  };
  EXPECT_EQ(text(59), " 0:00");
  EXPECT_EQ(text(4 * 3600 + 5 * 60), " 4:05");
  EXPECT_EQ(text(86399), "23:59");
  EXPECT_EQ(text(86400), "1 day,  0:00");
  EXPECT_EQ(text(12 * 86400 + 14 * 3600 + 60), "12 days, 14:01");
  EXPECT_EQ(text(UINT64_MAX), "213503982334601 days,  7:00");
}

TEST(Processes, ByStateAndThreads) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_processes);
  const Lines expected = {
      "processes "
      "running=1i,sleeping=4i,blocked=1i,stopped=1i,zombies=1i,dead=0i,idle=1i,paging=0i,unknown=0i,total=10i,"
      "total_threads=68i,parked=1i"};
  EXPECT_EQ(probe.gather(), expected);
  EXPECT_EQ(probe.gather(), expected) << "the same from the files that were kept open";
}

TEST(Processes, TheDirectoryIsListedAgainAfterAFork) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_processes);
  probe.gather();
  const std::string one = *read_file(machine.path("proc/2/stat"));
  machine.write("proc/2000/stat", "2000 (new) Q" + one.substr(one.find(") S") + 3));
  EXPECT_NE(probe.gather().at(0).find("total=10i"), std::string::npos) << "no fork was counted";
  std::string stat = *read_file(machine.path("proc/stat"));
  stat.replace(stat.find("processes 11813"), 15, "processes 11814");
  machine.write("proc/stat", stat);
  EXPECT_NE(probe.gather().at(0).find("unknown=1i,total=11i"), std::string::npos);
  machine.remove("proc/22");
  stat.replace(stat.find("processes 11814"), 15, "processes 11815");
  machine.write("proc/stat", stat);
  const std::string line = probe.gather().at(0);
  EXPECT_NE(line.find("total=10i"), std::string::npos);
  EXPECT_EQ(line.find("parked"), std::string::npos) << "only when seen";
}

TEST(Processes, AMalformedFileCostsItsState) {
  Machine machine;
  machine.capture("host");
  machine.write("proc/812/stat", "812 (java S\n");
  Probe probe(machine, make_processes);
  EXPECT_NE(probe.gather().at(0).find("unknown=1i,total=10i"), std::string::npos) << "it is one, in whatever state";
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 1U);
}

TEST(Kernel, Counters) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_kernel);
  const std::string line = probe.gather().at(0);
  EXPECT_EQ(line,
            "kernel boot_time=1795366707i,context_switches=634866i,interrupts=903718i,processes_forked=11813i,"
            "entropy_avail=256i");
  machine.remove("proc/sys/kernel");
  Probe without(machine, make_kernel);
  EXPECT_TRUE(without.gather().at(0).ends_with("processes_forked=11813i"));
  EXPECT_EQ(without.error, "");
}

TEST(Kernel, ANegativeCounterIsNone) {
  Machine machine;
  machine.write("proc/stat", "cpu  1 2 3 4\nintr 5\nctxt -6\nbtime 7\nprocesses -2049562273");
  Probe probe(machine, make_kernel);
  EXPECT_EQ(probe.gather(), Lines{"kernel boot_time=7i,interrupts=5i"});
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 2U);
}

TEST(Processes, ThatOnlyOwnOnesCanBeSeenIsToldOnce) {
  Machine machine;
  machine.capture("host").remove("proc/1");
  Probe probe(machine, make_processes);
  ::testing::internal::CaptureStderr();
  EXPECT_NE(probe.gather().at(0).find("total=9i"), std::string::npos);
  probe.gather();
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::size_t told = log.find("hidepid");
  EXPECT_NE(told, std::string::npos) << log;
  EXPECT_EQ(log.find("process 1 cannot be seen", log.find("process 1 cannot be seen") + 1), std::string::npos) << log;
}

TEST(SysctlFs, AFileThatTheKernelLacksIsNoFailure) {
  Machine machine;
  machine.write("proc/sys/fs/file-nr", "1821\t0\t9223372036854775807\n").write("proc/sys/fs/inode-nr", "92244 17\n");
  Probe probe(machine, make_linux_sysctl_fs);
  EXPECT_EQ(probe.gather(),
            (Lines{"linux_sysctl_fs file-nr=1821i,file-max=9223372036854775807i,inode-nr=92244i,inode-free-nr=17i"}));
  EXPECT_EQ(probe.error, "");
  machine.write("proc/sys/fs/aio-nr", "some\n");
  EXPECT_EQ(probe.gather().size(), 1U);
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 1U);
  Machine empty;
  Probe none(empty, make_linux_sysctl_fs);
  EXPECT_EQ(none.gather(), Lines{});
  EXPECT_NE(none.error, "");
}

TEST(PressureStall, AveragesAndTotals) {
  Machine machine;
  const std::string both =
      "some avg10=1.75 avg60=1.78 avg300=0.78 total=9355216\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=12\n";
  machine.write("proc/pressure/cpu", both).write("proc/pressure/io", both);
  Probe probe(machine, make_pressure);
  EXPECT_EQ(probe.gather(), (Lines{"pressure,resource=cpu,type=some avg10=1.75,avg60=1.78,avg300=0.78",
                                   "pressure,resource=cpu,type=some total=9355216i",
                                   "pressure,resource=io,type=some avg10=1.75,avg60=1.78,avg300=0.78",
                                   "pressure,resource=io,type=some total=9355216i",
                                   "pressure,resource=io,type=full avg10=0.5,avg60=0,avg300=0",
                                   "pressure,resource=io,type=full total=12i"}));
  EXPECT_EQ(probe.error, "") << "a kernel may lack it";
  machine.write("proc/pressure/cpu", "some avg10=\n");
  EXPECT_EQ(probe.gather().size(), 4U) << "the others are reported all the same";
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 1U);
  machine.remove("proc/pressure/io");
  EXPECT_EQ(probe.gather().size(), 4U) << "a file that is open stays readable";
  EXPECT_EQ(Probe(machine, make_pressure).gather(), Lines{});
}

TEST(Nstat, NamesAreTelegrafsAndZerosAreRare) {
  Machine machine;
  machine.write("proc/1/net/snmp", "Tcp: MaxConn InSegs OutRsts\nTcp: -1 7 0\n");
  machine.write("proc/1/net/netstat", "TcpExt: TW\nTcpExt: 0\n");
  Probe probe(machine, make_nstat);
  const Lines all = {"nstat,name=snmp TcpInSegs=7i,TcpOutRsts=0i", "nstat,name=netstat TcpExtTW=0i"};
  EXPECT_EQ(probe.gather(), all);
  EXPECT_EQ(probe.gather(), all) << "a client sends its second reading first";
  for (int i = 2; i < 20; ++i) EXPECT_EQ(probe.gather(), Lines{"nstat,name=snmp TcpInSegs=7i"});
  EXPECT_EQ(probe.gather(), all) << "after ten minutes";
  machine.write("proc/1/net/snmp", "IcmpMsg: InType3\nIcmpMsg: 1\nTcp: MaxConn InSegs OutRsts\nTcp: -1 8 2\n");
  EXPECT_EQ(probe.gather().at(0), "nstat,name=snmp TcpInSegs=8i,TcpOutRsts=2i,IcmpMsgInType3=1i")
      << "counters appear later";
  machine.write("proc/1/net/snmp", "Tcp: MaxConn InSegs OutRsts\nTcp: -1 8 0\n");
  EXPECT_EQ(probe.gather().at(0), "nstat,name=snmp TcpInSegs=8i,TcpOutRsts=0i") << "it was above 0";
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 0U);
}

TEST(Nstat, CountersAreFilteredAndBounded) {
  Machine machine;
  std::string names = "Many:";
  std::string values = "Many:";
  for (int i = 0; i < 600; ++i) {
    names += " C" + std::to_string(i);
    values += " 1";
  }
  machine.write("proc/1/net/snmp", names + "\n" + values + "\n");
  CollectorOptions options;
  options.filter.include = {"ManyC51*"};
  Probe probe(machine, make_nstat, options);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(probe.gather(), Lines{"nstat,name=snmp ManyC51=1i,ManyC510=1i,ManyC511=1i"});
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("more than 512"), std::string::npos);
}

TEST(Interrupts, ByLineOfAllCpus) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_interrupts);
  EXPECT_EQ(probe.gather(),
            (Lines{"interrupts,device=1-edge\\ i8042,irq=1,type=IO-APIC total=9i",
                   "interrupts,device=1-edge\\ virtio1-req.0,irq=25,type=PCI-MSIX-0000:00:02.0 "
                   "total=594179i",
                   "interrupts,irq=NMI,type=Non-maskable\\ interrupts total=46i", "interrupts,irq=ERR total=3i",
                   "soft_interrupts,irq=TIMER total=78261i", "soft_interrupts,irq=NET_RX total=136759i"}));
  machine.write("proc/interrupts", "  CPU0\n  1: 10 IO-APIC 1-edge other\n");
  EXPECT_EQ(probe.gather().at(0), "interrupts,device=1-edge\\ other,irq=1,type=IO-APIC total=10i")
      << "another driver's now";
}

TEST(Interrupts, RowsAreBounded) {
  Machine machine;
  std::string text = "  CPU0 CPU1\n";
  for (int i = 0; i < 300; ++i) text += std::to_string(i) + ": 1 1 PCI-MSI queue" + std::to_string(i) + "\n";
  machine.write("proc/interrupts", text);
  Probe probe(machine, make_interrupts);
  for (int i = 0; i < 2; ++i) {
    const Lines lines = probe.gather();
    ASSERT_EQ(lines.size(), 257U);
    EXPECT_EQ(lines.back(), "interrupts,irq=other total=88i");
  }
}

TEST(Conntrack, TableAndCounters) {
  Machine machine;
  Probe none(machine, make_conntrack);
  EXPECT_EQ(none.gather(), Lines{});
  EXPECT_EQ(none.error, "") << "a machine that tracks nothing";
  machine.capture("host");
  Probe probe(machine, make_conntrack);
  EXPECT_EQ(probe.gather(), (Lines{"conntrack ip_conntrack_count=187,ip_conntrack_max=262144",
                                   "conntrack,cpu=all entries=187i,found=50i,invalid=552i,insert=0i,insert_failed=1i,"
                                   "drop=3i,early_drop=0i,icmp_error=4i,expect_new=0i,expect_create=0i,"
                                   "expect_delete=0i,search_restart=96i"}));
  EXPECT_EQ(probe.error, "");
}

TEST(Softnet, AllCpusTogether) {
  Machine machine;
  machine.capture("host");
  Probe probe(machine, make_softnet);
  EXPECT_EQ(probe.gather(),
            Lines{"softnet processed=1012892i,dropped=2i,time_squeeze=39i,received_rps=0i,flow_limit_count=0i"});
  machine.write("proc/1/net/softnet_stat", "00000001 00000002 00000003\n");
  EXPECT_EQ(probe.gather(), Lines{"softnet processed=1i,dropped=2i,time_squeeze=3i"}) << "an old kernel's columns";
  machine.write("proc/1/net/softnet_stat", "00000001 00000002 00000003\nx 00000002 00000003\n");
  EXPECT_EQ(probe.gather(), Lines{"softnet dropped=4i,time_squeeze=6i"}) << "no sum without a CPU";
}

TEST(Mdstat, ArraysAndWhatTheyDo) {
  Machine machine;
  Probe none(machine, make_mdstat);
  EXPECT_EQ(none.gather(), Lines{});
  EXPECT_EQ(none.error, "");
  machine.capture("host");
  Probe probe(machine, make_mdstat);
  const std::string still = "BlocksSyncedPct=0,BlocksSyncedFinishTime=0,BlocksSyncedSpeed=0";
  EXPECT_EQ(
      probe.gather(),
      (Lines{"mdstat,ActivityState=active,Devices=sda2\\,sdb2,Name=md1 DisksActive=1i,DisksFailed=1i,DisksSpare=0i,"
             "DisksTotal=2i,BlocksTotal=136448i,BlocksSynced=136448i," +
                 still,
             "mdstat,ActivityState=active,Devices=sdc1\\,sdd1,Name=md0 DisksActive=2i,DisksFailed=0i,DisksSpare=0i,"
             "DisksTotal=2i,BlocksTotal=31389696i,BlocksSynced=31389696i," +
                 still}));
  const std::string array =
      "md2 : active (read-only) raid5 sdc1[3](S) sdb1[1] sda1[0]\n"
      "      292945152 blocks level 5, 64k chunk, algorithm 2 [3/2] [UU_]\n";
  machine.write("proc/mdstat", array +
                                   "      [==>....]  recovery = 12.6% (37043392/292945152) finish=127.5min "
                                   "speed=33440K/sec\n      bitmap: 0/1 pages [0KB], 65536KB chunk\n");
  EXPECT_EQ(probe.gather(),
            Lines{"mdstat,ActivityState=recovering,Devices=sda1\\,sdb1\\,sdc1,Name=md2 DisksActive=2i,DisksFailed=0i,"
                  "DisksSpare=1i,DisksTotal=3i,BlocksTotal=292945152i,BlocksSynced=37043392i,BlocksSyncedPct=12.6,"
                  "BlocksSyncedFinishTime=127.5,BlocksSyncedSpeed=33440"});
  machine.write("proc/mdstat", array + "      \tresync=PENDING\n");
  EXPECT_NE(probe.gather().at(0).find("ActivityState=resyncing"), std::string::npos);
  machine.write("proc/mdstat", "md3 : inactive sdb1[1](S) sda1[0](S)\n      8388608 blocks super 1.2\n");
  EXPECT_NE(
      probe.gather().at(0).find("ActivityState=inactive,Devices=sda1\\,sdb1,Name=md3 DisksActive=0i,DisksFailed=0i,"
                                "DisksSpare=2i,BlocksTotal=8388608i"),
      std::string::npos);
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 0U);
}

TEST(Edac, CountersOfEachController) {
  Machine machine;
  Probe none(machine, make_edac);
  EXPECT_EQ(none.gather(), Lines{});
  EXPECT_EQ(none.error, "") << "a machine without such memory";
  machine.capture("host").write("sys/devices/system/edac/mc/mc1/ce_count", "x\n");
  Probe probe(machine, make_edac);
  EXPECT_EQ(probe.gather(), Lines{"edac,controller=mc0 ce_count=3i,ue_count=0i,ce_noinfo_count=1i,ue_noinfo_count=0i"});
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 1U);
}

TEST(Battery, ByEnergyOrByCharge) {
  Machine machine;
  machine.capture("host");
  const std::string mouse = "sys/class/power_supply/hidpp_battery_0/";
  machine.write(mouse + "type", "Battery\n").write(mouse + "status", "Full\n").write(mouse + "capacity", "99\n");
  const std::string charge = "sys/class/power_supply/BAT1/";
  machine.write(charge + "type", "Battery\n").write(charge + "status", "Charging\n");
  machine.write(charge + "charge_now", "3000000\n").write(charge + "charge_full", "4000000\n");
  machine.write(charge + "current_now", "-500000\n").write(charge + "voltage_now", "12000000\n");
  Probe probe(machine, make_battery);
  EXPECT_EQ(probe.gather(),
            (Lines{"battery,name=BAT0 capacity=87i,status=\"Discharging\",energy=41.52,energy_full=47.69,"
                   "energy_full_design=57.02,power=5.12,voltage=11.983,cycle_count=212i",
                   "battery,name=BAT1 status=\"Charging\",energy=36,energy_full=48,power=-6,voltage=12",
                   "battery,name=hidpp_battery_0 capacity=99i,status=\"Full\""}));
  EXPECT_EQ(probe.error, "");
  machine.remove("sys/class/power_supply/BAT0").remove(charge);
  EXPECT_EQ(probe.gather().size(), 1U);
  EXPECT_EQ(probe.error, "");
}

}  // namespace
}  // namespace resmon::collect
