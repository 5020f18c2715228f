#include "collect/fixture_test.h"

namespace resmon::collect {
namespace {

using testing::Lines;
using testing::Machine;
using testing::Probe;

const std::string kId(64, 'c');

void write_cgroup(Machine& machine, const std::string& path, const std::string& cpu_us) {
  const std::string folder = "sys/fs/cgroup" + path + "/";
  machine.write(folder + "cpu.stat", "usage_usec " + cpu_us + "\nuser_usec 700\nsystem_usec 300\nnr_periods 9\n" +
                                         "nr_throttled 2\nthrottled_usec 5\n");
  machine.write(folder + "memory.current", "5000\n");
  machine.write(folder + "memory.max", "max\n");
  machine.write(folder + "memory.peak", "6000\n");
  machine.write(folder + "memory.stat", "anon 3000\nfile 900\ninactive_file 1000\n");
  machine.write(folder + "memory.events", "low 0\noom 3\noom_kill 2\n");
  machine.write(folder + "io.stat",
                "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=7 rios=3 wios=4\n");
  machine.write(folder + "pids.current", "12\n");
  machine.write(folder + "memory.pressure",
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=44\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=33\n");
}

bool has(const Lines& lines, const std::string& wanted) {
  return std::find(lines.begin(), lines.end(), wanted) != lines.end();
}

TEST(Cgroups, ServicesAndContainersOfVersion2) {
  Machine machine;
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
  machine.write("proc/meminfo", "MemTotal: 100 kB\n");
  write_cgroup(machine, "/system.slice/cron.service", "1000");
  write_cgroup(machine, "/system.slice/docker-" + kId + ".scope", "1000");
  write_cgroup(machine, "/user.slice/user-7.slice/session-3.scope", "1000");
  machine.write("sys/fs/cgroup/system.slice/docker-" + kId + ".scope/cgroup.procs", "90\n91\n");
  machine.write("proc/90/comm", "tini\n");
  machine.write("proc/91/comm", "nginx\n");
  Probe probe(machine, make_cgroups);
  probe.gather();
  write_cgroup(machine, "/system.slice/cron.service", "251000");
  write_cgroup(machine, "/system.slice/docker-" + kId + ".scope", "501000");
  const Lines lines = probe.gather();
  EXPECT_EQ(probe.error, "");
  EXPECT_EQ(probe.skipped_lines(), 0U);
  EXPECT_TRUE(has(lines,
                  "systemd_units,name=cron.service cpu_usage=25,cpu_time=251000000i,mem_current=5000i,mem_peak=6000i,"
                  "io_read_bytes=15i,io_write_bytes=27i,tasks=12i,oom_kills=2i"))
      << ::testing::PrintToString(lines);
  EXPECT_TRUE(has(lines,
                  "docker_container_cpu,container_name=nginx,cpu=cpu-total usage_percent=50,usage_total=501000000i,"
                  "usage_in_usermode=700000i,usage_in_kernelmode=300000i,throttling_periods=9i,"
                  "throttling_throttled_periods=2i,throttling_throttled_time=5000i,tasks=12i"));
  EXPECT_TRUE(has(lines,
                  "docker_container_mem,container_name=nginx usage=4000i,usage_percent=3.91,limit=102400i,"
                  "max_usage=6000i,anon=3000i,inactive_file=1000i,oom_kills=2i"));
  EXPECT_TRUE(has(lines,
                  "docker_container_blkio,container_name=nginx,device=total io_service_bytes_recursive_read=15i,"
                  "io_service_bytes_recursive_write=27i,io_serviced_recursive_read=4i,io_serviced_recursive_write=6i"));
  EXPECT_TRUE(has(lines, "cgroup_pressure,systemd_unit=cron.service memory_some=44i,memory_full=33i"));
  EXPECT_EQ(lines.size(), 6U) << "a session is neither";
}

TEST(Cgroups, FilesThatChangeSlowlyAreReadInTurnAndKeepTheirValues) {
  Machine machine;
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
  write_cgroup(machine, "/system.slice/cron.service", "1000");
  Probe probe(machine, make_cgroups);
  probe.gather();
  machine.write("sys/fs/cgroup/system.slice/cron.service/pids.current", "77\n");
  machine.write("sys/fs/cgroup/system.slice/cron.service/memory.max", "9000\n");
  int tasks = 0;
  int limit = 0;
  for (int gather = 1; gather <= 12; ++gather) {
    const Lines lines = probe.gather();
    const auto line = std::find_if(lines.begin(), lines.end(),
                                   [](const std::string& one) { return one.starts_with("systemd_units,"); });
    ASSERT_NE(line, lines.end());
    EXPECT_NE(line->find(",mem_peak=6000i"), std::string::npos) << *line;
    if (line->find(",tasks=77i") != std::string::npos && tasks == 0) tasks = gather;
    if (line->find(",mem_limit=9000i") != std::string::npos && limit == 0) limit = gather;
  }
  EXPECT_TRUE(tasks >= 1 && tasks <= 4) << tasks;
  EXPECT_TRUE(limit >= 1 && limit <= 12) << limit;
}

TEST(Cgroups, AContainerThatIsMadeAnewHasItsOldName) {
  Machine machine;
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  const auto make = [&](char digit) {
    const std::string path = "/docker/" + std::string(64, digit);
    write_cgroup(machine, path, "1000");
    machine.write("sys/fs/cgroup" + path + "/cgroup.procs", "90\n");
  };
  machine.write("proc/90/comm", "redis-server\n");
  make('a');
  Probe probe(machine, make_cgroups);
  probe.gather();
  machine.remove("sys/fs/cgroup/docker/" + std::string(64, 'a'));
  make('b');
  probe.gather();
  Lines lines = probe.gather(std::chrono::minutes(2));
  EXPECT_NE(probe.line(lines, "docker_container_cpu,container_name=redis-server,"), "")
      << ::testing::PrintToString(lines);
  make('d');
  lines = probe.gather(std::chrono::minutes(2));
  EXPECT_NE(probe.line(lines, "docker_container_cpu,container_name=redis-server-2,"), "");
  EXPECT_NE(probe.line(lines, "docker_container_cpu,container_name=redis-server,"), "");
}

TEST(Cgroups, DockersNameWhereItCanBeRead) {
  Machine machine;
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  write_cgroup(machine, "/docker/" + kId, "1000");
  machine.write("root/var/lib/docker/containers/" + kId + "/config.v2.json",
                R"({"ID":"x","Name":"/shop_db_1","Driver":"o"})");
  Probe probe(machine, make_cgroups);
  EXPECT_NE(probe.line(probe.gather(), "docker_container_cpu,container_name=shop_db_1,"), "");
}

TEST(Cgroups, Version1) {
  Machine machine;
  const std::string path = "/lxc/mail/";
  machine.write("sys/fs/cgroup/memory" + path + "memory.usage_in_bytes", "8000\n");
  machine.write("sys/fs/cgroup/memory" + path + "memory.limit_in_bytes", "9223372036854771712\n");
  machine.write("sys/fs/cgroup/memory" + path + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  machine.write("sys/fs/cgroup/cpuacct" + path + "cpuacct.usage", "5000000\n");
  machine.write("sys/fs/cgroup/blkio" + path + "blkio.throttle.io_service_bytes_recursive",
                "8:0 Read 11\n8:0 Write 22\n8:0 Total 33\nTotal 33\n");
  Probe probe(machine, make_cgroups);
  probe.gather();
  machine.write("sys/fs/cgroup/cpuacct" + path + "cpuacct.usage", "105000000\n");
  const Lines lines = probe.gather();
  EXPECT_TRUE(
      has(lines, "docker_container_cpu,container_name=mail,cpu=cpu-total usage_percent=10,usage_total=105000000i"))
      << ::testing::PrintToString(lines);
  EXPECT_TRUE(has(lines, "docker_container_mem,container_name=mail usage=8000i,oom_kills=4i"));
  EXPECT_TRUE(has(lines,
                  "docker_container_blkio,container_name=mail,device=total io_service_bytes_recursive_read=11i,"
                  "io_service_bytes_recursive_write=22i"));
}

TEST(Cgroups, OddLinesCostThemselves) {
  Machine machine;
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  write_cgroup(machine, "/a1.service", "1000");
  machine.write("sys/fs/cgroup/a1.service/cpu.stat", "usage_usec 5\nuser_usec -3\n\xff\xff 7\n");
  machine.write("sys/fs/cgroup/a1.service/io.stat", "8:0 rbytes=x wbytes=20\n");
  Probe probe(machine, make_cgroups);
  EXPECT_NE(probe.line(probe.gather(),
                       "systemd_units,name=a1.service cpu_time=5000i,mem_current=5000i,mem_peak=6000i,tasks=12i"),
            "");
  EXPECT_EQ(probe.skipped_lines(), 3U);
  EXPECT_EQ(probe.error, "");
}

TEST(Cgroups, AMachineWithoutIsNoFailure) {
  Machine machine;
  Probe probe(machine, make_cgroups);
  EXPECT_EQ(probe.gather(), Lines{});
  EXPECT_EQ(probe.error, "");
}

std::string net_dev(const std::string& received) {
  return "Inter-|   Receive                                                |  Transmit\n"
         " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
         "carrier "
         "compressed\n"
         "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: " +
         received + " 20 1 2 0 0 0 0 700 8 3 4 0 0 0 0\n";
}

TEST(Cgroups, TrafficOfContainersWithANetworkOfTheirOwn) {
  Machine machine;
  machine.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n").write("proc/meminfo", "MemTotal: 100 kB\n");
  machine.write("proc/1/net/dev", net_dev("1"));
  const std::string other(64, 'd');
  for (const std::string& id : {kId, other}) write_cgroup(machine, "/system.slice/docker-" + id + ".scope", "1000");
  machine.write("sys/fs/cgroup/system.slice/docker-" + kId + ".scope/cgroup.procs", "90\n91\n")
      .write("proc/90/comm", "nginx\n")
      .write("proc/90/net/dev", net_dev("5000"));
  // This one shares the host's network: its file is the same.
  machine.write("sys/fs/cgroup/system.slice/docker-" + other + ".scope/cgroup.procs", "95\n")
      .write("proc/95/comm", "agent\n");
  std::filesystem::create_directories(machine.path("proc/95/net"));
  std::filesystem::create_hard_link(machine.path("proc/1/net/dev"), machine.path("proc/95/net/dev"));
  Probe probe(machine, make_cgroups);
  Lines net;
  for (const std::string& line : probe.gather())
    if (line.starts_with("docker_container_net")) net.push_back(line);
  EXPECT_EQ(net,
            Lines{"docker_container_net,container_name=nginx,network=eth0 rx_bytes=5000i,rx_packets=20i,rx_errors=1i,"
                  "rx_dropped=2i,tx_bytes=700i,tx_packets=8i,tx_errors=3i,tx_dropped=4i"});
  // Its first process is another now.
  machine.remove("proc/90").write("sys/fs/cgroup/system.slice/docker-" + kId + ".scope/cgroup.procs", "91\n");
  machine.write("proc/91/net/dev", net_dev("6000"));
  std::string found;
  for (int i = 0; i < 3 && found.empty(); ++i) found = probe.line(probe.gather(), "docker_container_net");
  EXPECT_NE(found.find("rx_bytes=6000i"), std::string::npos) << found;
  EXPECT_EQ(probe.error, "");
}

}  // namespace
}  // namespace resmon::collect
