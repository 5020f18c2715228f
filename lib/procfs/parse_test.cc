#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <utmp.h>

#include <cstring>

#include "procfs/cpuinfo.h"
#include "procfs/diskstats.h"
#include "procfs/load.h"
#include "procfs/meminfo.h"
#include "procfs/mounts.h"
#include "procfs/net_dev.h"
#include "procfs/pid_files.h"
#include "procfs/pid_stat.h"
#include "procfs/scan.h"
#include "procfs/sockets.h"
#include "procfs/stat.h"
#include "procfs/utmp.h"

namespace resmon::procfs {
namespace {

TEST(Fields, NumbersEndAtABlankAndFit64Bits) {
  std::uint64_t value = 7;
  EXPECT_TRUE(Fields("  \t18446744073709551615 x").number(value));
  EXPECT_EQ(value, UINT64_MAX);
  EXPECT_FALSE(Fields("18446744073709551616").number(value));
  EXPECT_FALSE(Fields("12x").number(value));
  EXPECT_FALSE(Fields("").number(value));
  EXPECT_FALSE(Fields("-1").number(value));
  Number number;
  Fields three("7 -3 9");
  EXPECT_TRUE(three.take(number));
  EXPECT_FALSE(three.take(number)) << "its place is passed all the same";
  EXPECT_FALSE(number);
  EXPECT_TRUE(three.take(number));
  EXPECT_EQ(number, 9U);
  EXPECT_FALSE(three.take(number)) << "nothing left";
  double decimal = 0;
  EXPECT_TRUE(Fields("16.40").decimal(decimal));
  EXPECT_EQ(decimal, 16.4);
  EXPECT_FALSE(Fields("1.2.3").decimal(decimal));
  EXPECT_FALSE(Fields(".").decimal(decimal));
}

TEST(Stat, TakesAllColumnsAndSkipsWhatItDoesNotKnow) {
  Skipped skipped;
  Stat stat;
  ASSERT_TRUE(
      parse_stat("cpu  1 2 3 4 5 6 7 8 9 10 11 12\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu12 5 6 7 8\nintr 42 1 2 3\nnews 1\n"
                 "ctxt 43\nbtime 44\nprocesses 45\nprocs_running x\n",
                 stat, skipped));
  EXPECT_EQ(stat.total->guest_nice, 10U);
  EXPECT_EQ(stat.online, 2U);
  ASSERT_EQ(stat.cpus.size(), 2U);
  EXPECT_EQ(stat.cpus[1].index, 12U);
  EXPECT_EQ(stat.cpus[1].times.idle, 8U);
  EXPECT_EQ(stat.cpus[1].times.iowait, 0U) << "an old kernel's four columns";
  EXPECT_EQ(stat.interrupts, 42U);
  EXPECT_EQ(stat.context_switches, 43U);
  EXPECT_EQ(stat.boot_time_seconds, 44U);
  EXPECT_EQ(stat.processes_forked, 45U);
  ASSERT_TRUE(parse_stat("cpu  1 2 3 4\n", stat, skipped));
  EXPECT_TRUE(stat.cpus.empty()) << "nothing is left of the file before";
  EXPECT_FALSE(stat.interrupts);
}

TEST(Meminfo, BytesAndCounts) {
  Skipped skipped;
  MemInfo info;
  ASSERT_TRUE(parse_meminfo(
      "MemTotal:  1000 kB\nActive(anon): 5 kB\nActive: 7 kB\nHugePages_Total:    3\nHugepagesize: 2048 kB\n"
      "SReclaimable: 9 kB\nCommitted_AS: 11 kB\nNews: none\n",
      info, skipped));
  EXPECT_EQ(info.total, 1000U * 1024);
  EXPECT_EQ(info.active, 7U * 1024);
  EXPECT_EQ(info.huge_pages_total, 3U);
  EXPECT_EQ(info.huge_page_size, 2048U * 1024);
  EXPECT_EQ(info.slab_reclaimable, 9U * 1024);
  EXPECT_EQ(info.committed_as, 11U * 1024);
  EXPECT_FALSE(info.available);
  EXPECT_FALSE(info.free);
  EXPECT_EQ(info.high_total, 0U) << "a 64-bit machine has none";
}

TEST(Vmstat, TheTwoCountersWhereverTheyAre) {
  Skipped skipped;
  SwapCounters counters;
  ASSERT_TRUE(parse_vmstat("nr_pswpin 9\npswpin 12\npswpout 3000\n", counters, skipped));
  EXPECT_EQ(counters.pages_in, 12U);
  EXPECT_EQ(counters.pages_out, 3000U);
  ASSERT_TRUE(parse_vmstat("pswpin 5\nx 1\n", counters, skipped));
  EXPECT_EQ(counters.pages_in, 5U);
  EXPECT_FALSE(counters.pages_out);
  EXPECT_EQ(skipped.lines(), 1U);
  ASSERT_TRUE(parse_vmstat("nr_free_pages 5\n", counters, skipped));
  EXPECT_EQ(counters.pages_out, 0U) << "a kernel without swap";
}

TEST(Diskstats, ColumnsOfAllAges) {
  Skipped skipped;
  std::vector<Disk> disks;
  ASSERT_TRUE(parse_diskstats(
      " 254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13\n 8 1 sda1 1 2 3 4\n 8 2 sda2 1 2 3 4 5 6 7 8 9 10 11\n", disks,
      skipped));
  ASSERT_EQ(disks.size(), 2U) << "a partition of Linux 2.6.24 has no such counters";
  EXPECT_EQ(disks[0].name, "vda");
  EXPECT_EQ(disks[0].reads, 1U);
  EXPECT_EQ(disks[0].sectors_read, 3U);
  EXPECT_EQ(disks[0].write_milliseconds, 8U);
  EXPECT_EQ(disks[0].in_progress, 9U);
  EXPECT_EQ(disks[0].weighted_milliseconds, 11U);
  ASSERT_TRUE(parse_diskstats("", disks, skipped));
  EXPECT_TRUE(disks.empty());
}

TEST(NetDev, NamesWithAndWithoutABlankBehind) {
  Skipped skipped;
  std::vector<Interface> interfaces;
  ASSERT_TRUE(
      parse_net_dev("Inter-| Receive | Transmit\n face |bytes |bytes\n  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                    "wlan_0.12: 0 0 0 0 0 0 0 0 0 0 0 0\n",
                    interfaces, skipped));
  ASSERT_EQ(interfaces.size(), 2U);
  EXPECT_EQ(interfaces[0].name, "eth0");
  EXPECT_EQ(interfaces[0].bytes_received, 1U);
  EXPECT_EQ(interfaces[0].drops_in, 4U);
  EXPECT_EQ(interfaces[0].bytes_sent, 9U);
  EXPECT_EQ(interfaces[0].drops_out, 12U);
  EXPECT_EQ(interfaces[1].name, "wlan_0.12");
}

TEST(Tcp, AnyPiecesGiveTheSameCounts) {
  Skipped skipped;
  const std::string_view text =
      "  sl  local_address rem_address   st tx_queue\n"
      "   0: 0100007F:6DB6 00000000:0000 0A 00000000\n"
      "   1: 0100007F:6DB6 0100007F:AAAA 01 00000000\n"
      "   2: 0100007F:6DB6 0100007F:AAAB 0C 00000000\n"
      "   3: 0100007F:6DB6 0100007F:AAAC FF 00000000\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    TcpStates states;
    TcpTable table(states, skipped);
    for (std::size_t at = 0; at < text.size(); at += piece) table.feed(text.substr(at, piece));
    ASSERT_TRUE(table.finish());
    EXPECT_EQ(states.count[kListen], 1U);
    EXPECT_EQ(states.count[kEstablished], 1U);
    EXPECT_EQ(states.count[kSynRecv], 1U) << "a request without a socket";
    EXPECT_EQ(states.count[0], 1U) << "a state of some later kernel";
  }
}

std::string netlink_message(std::uint16_t type, std::string_view payload) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = type;
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out += payload;
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

std::string diag_message(std::uint8_t state) {
  inet_diag_msg message{};
  message.idiag_state = state;
  return netlink_message(TCPDIAG_GETSOCK,
                         std::string(reinterpret_cast<const char*>(&message), sizeof message) + "attribute");
}

Result<bool> count(std::string_view datagram, TcpStates& states) {
  return count_inet_diag(std::as_bytes(std::span(datagram)), states);
}

TEST(InetDiag, CountsUntilItIsDone) {
  TcpStates states;
  auto done = count(diag_message(1) + diag_message(10) + diag_message(12), states);
  ASSERT_TRUE(done);
  EXPECT_FALSE(*done);
  done = count(diag_message(1) + netlink_message(NLMSG_DONE, "0000"), states);
  ASSERT_TRUE(done);
  EXPECT_TRUE(*done);
  EXPECT_EQ(states.count[kEstablished], 2U);
  EXPECT_EQ(states.count[kListen], 1U);
  EXPECT_EQ(states.count[kSynRecv], 1U);
}

TEST(InetDiag, BadDatagramsAreErrors) {
  TcpStates states;
  const std::int32_t no_entry = -2;
  const auto error = count(netlink_message(NLMSG_ERROR, {reinterpret_cast<const char*>(&no_entry), 4}), states);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(count(netlink_message(TCPDIAG_GETSOCK, "short"), states));
  const std::string whole = diag_message(1);
  for (std::size_t size = 1; size < whole.size() - 3; ++size)
    EXPECT_FALSE(count(whole.substr(0, size), states)) << size;
  std::string endless = whole;
  std::memset(endless.data(), 0, 4);
  EXPECT_FALSE(count(endless, states)) << "a message of length 0";
}

TEST(Sockstat, BothFamilies) {
  Skipped skipped;
  SocketCounts counts;
  ASSERT_TRUE(parse_sockstat(
      "sockets: used 15\nTCP: inuse 3 orphan 0 tw 4 alloc 1 mem 273\nUDP: inuse 5 mem 0\nUDPLITE: inuse 9\n", counts,
      skipped));
  EXPECT_EQ(counts, (SocketCounts{3, 0, 4, 1, 5}));
  ASSERT_TRUE(parse_sockstat("TCP6: inuse 10\nUDP6: inuse 20\n", counts, skipped));
  EXPECT_EQ(counts, (SocketCounts{10, {}, {}, {}, 20}));
}

TEST(Snmp, WhatTcpDid) {
  Skipped skipped;
  TcpActivity activity;
  ASSERT_TRUE(parse_snmp(
      "Ip: Forwarding\nIp: 1\n"
      "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs\n"
      "Tcp: 1 200 120000 -1 346 87 1 2 3 16984\nUdp: x\n",
      activity, skipped));
  EXPECT_EQ(activity, (TcpActivity{346, 87, 1, 2, 3}));
}

TEST(Small, LoadUptimePressureNumbers) {
  Skipped skipped;
  LoadAverage load;
  ASSERT_TRUE(parse_loadavg("0.52 1.58 100.59 1/389 12345\n", load, skipped));
  EXPECT_EQ(load.one, 0.52);
  EXPECT_EQ(load.fifteen, 100.59);
  double seconds = 0;
  ASSERT_TRUE(parse_uptime("350735.47 234388.90\n", seconds, skipped));
  EXPECT_EQ(seconds, 350735.47);
  PressureFile pressure;
  ASSERT_TRUE(parse_pressure("some avg10=1.75 avg60=2.50 avg300=0.78 total=9355216\nnews 1\n", pressure, skipped));
  ASSERT_TRUE(pressure.some);
  EXPECT_FALSE(pressure.full);
  EXPECT_EQ(pressure.some->average_10, 1.75);
  EXPECT_EQ(pressure.some->total_microseconds, 9355216U);
  Number numbers[2] = {9, 9};
  ASSERT_TRUE(parse_numbers("12\t-3\t5\n", numbers, skipped));
  EXPECT_EQ(numbers[0], 12U);
  EXPECT_FALSE(numbers[1]);
}

TEST(PidStat, ANameMayHoldAnything) {
  Skipped skipped;
  PidStat stat;
  ASSERT_TRUE(parse_pid_stat("905 (a) R 9 (b) D 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 57 0 0\n", stat, skipped));
  EXPECT_EQ(stat.name, "a) R 9 (b");
  EXPECT_EQ(stat.state, 'D');
  EXPECT_EQ(stat.threads, 57U);
}

TEST(PidStat, WhatAProcessUsed) {
  Skipped skipped;
  PidStat stat;
  PidUsage usage;
  ASSERT_TRUE(parse_pid_stat("22 (k) S 2 0 0 0 -1 2129984 5 6 7 8 90 10 110 12 20 -5 13 0 1400 0 15 1\n", stat, skipped,
                             &usage));
  EXPECT_EQ(skipped.lines(), 0U);
  EXPECT_EQ(stat.threads, 13U);
  EXPECT_EQ(usage.parent_id, 2U);
  EXPECT_EQ(usage.flags.value_or(0) & kKernelThread, kKernelThread);
  EXPECT_EQ(usage.minor_faults, 5U);
  EXPECT_EQ(usage.major_faults, 7U);
  EXPECT_EQ(usage.user_ticks, 90U);
  EXPECT_EQ(usage.system_ticks, 10U);
  EXPECT_EQ(usage.children_user_ticks, 110U);
  EXPECT_EQ(usage.children_system_ticks, 12U);
  EXPECT_EQ(usage.start_ticks, 1400U);
  EXPECT_EQ(usage.resident_pages, 15U);
  ASSERT_TRUE(parse_pid_stat("22 (k) S 2 0 0 0 -1 1 5 6 7 8 odd 10 110 12 20 -5 13 0 1400 0\n", stat, skipped, &usage));
  EXPECT_EQ(skipped.lines(), 1U);
  EXPECT_EQ(stat.threads, 13U) << "a column that is odd costs only itself";
  EXPECT_EQ(usage.user_ticks, Number());
  EXPECT_EQ(usage.resident_pages, Number());
  EXPECT_EQ(usage.start_ticks, 1400U);
}

TEST(PidStat, OneThatEndsHasNoThreads) {
  PidStat stat;
  PidUsage usage;
  for (PidUsage* const wanted : {static_cast<PidUsage*>(nullptr), &usage}) {
    Skipped skipped;
    ASSERT_TRUE(parse_pid_stat("12468 (readlink) X 0 -1 -1 0 -1 4227084 115 0 0 0 0 0 0 0 20 0 0 0 802572 0 0 0\n",
                               stat, skipped, wanted));
    EXPECT_EQ(skipped.lines(), 0U) << skipped.describe();
    EXPECT_EQ(stat.threads, 0U);
    ASSERT_TRUE(
        parse_pid_stat("22 (k) S 2 0 0 0 -1 1 5 6 7 8 9 10 110 12 20 -5 0 0 1400 0 7\n", stat, skipped, wanted));
    EXPECT_EQ(skipped.lines(), 1U) << "one that goes on has some";
  }
}

TEST(Cgroups, OwnersByPath) {
  const std::string id(64, 'b');
  using Kind = CgroupOwner::Kind;
  struct {
    std::string path;
    Kind kind;
    std::string name;
  } const rows[] = {
      {"/", Kind::kNone, ""},
      {"/init.scope", Kind::kNone, ""},
      {"/user.slice/user-1000.slice/session-3.scope", Kind::kNone, ""},
      {"/system.slice/nginx.service", Kind::kService, "nginx.service"},
      {"/system.slice/system-getty.slice/getty@tty1.service", Kind::kService, "getty@tty1.service"},
      {"/system.slice/system-postgresql.slice/postgresql@15-main.service", Kind::kService,
       "postgresql@15-main.service"},
      {"/system.slice/system-sshd.slice/sshd@7-10.0.0.1:22-10.0.0.9:4711.service", Kind::kService, "sshd@.service"},
      {"/system.slice/run-u12.service", Kind::kNone, ""},
      {"/user.slice/user-7.slice/user@7.service/app.slice/my\\x2d"
       "app.service/sub",
       Kind::kService, "my-app.service"},
      {"/user.slice/user-7.slice/user@7.service/init.scope", Kind::kService, "user@7.service"},
      {"/system.slice/docker-" + id + ".scope/system.slice/cron.service", Kind::kContainer, id},
      {"/docker/" + id, Kind::kContainer, id},
      {"/machine.slice/libpod-" + id + ".scope/container", Kind::kContainer, id},
      {"/machine.slice/libpod-conmon-" + id + ".scope", Kind::kNone, ""},
      {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-" + id + ".scope",
       Kind::kContainer, id},
      {"/kubepods/burstable/pod12/" + id, Kind::kContainer, id},
      {"/lxc/mail/init.scope", Kind::kContainer, "mail"},
      {"/lxc.payload.mail/system.slice/cron.service", Kind::kContainer, "mail"},
      {"/machine.slice/machine-qemu\\x2d"
       "1\\x2d"
       "web.scope",
       Kind::kContainer, "qemu-1-web"},
      {"/machine.slice/systemd-nspawn@db.service", Kind::kContainer, "db"},
      {"/system.slice/\x01.service", Kind::kNone, ""},
      {std::string(5000, '/') + std::string(5000, 'x') + ".service", Kind::kNone, ""},
  };
  for (const auto& row : rows) {
    const CgroupOwner owner = owner_of_cgroup(row.path);
    EXPECT_EQ(owner.kind, row.kind) << row.path;
    EXPECT_EQ(owner.name(), row.name) << row.path;
    EXPECT_EQ(owner.by_id, row.name == id) << row.path;
  }
}

TEST(Passwd, TheFirstOfAnId) {
  Skipped skipped;
  std::vector<User> users;
  ASSERT_TRUE(
      parse_passwd("b:x:7:7::/:\n# c\nroot:x:0:0::/:\ntoor:x:0:0::/:\n+::::::\nodd:x:-1:0::/:\n", users, skipped));
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[0].name, "root");
  EXPECT_EQ(users[1].name, "b");
  EXPECT_EQ(skipped.lines(), 1U);
}

TEST(Mounts, EscapesOptionsAndEmptyDevices) {
  Skipped skipped;
  std::vector<Mount> mounts;
  ASSERT_TRUE(parse_mountinfo(
      "36 35 98:0 /a\\040b /mnt/x\\011y\\134z\\9 ro,noatime master:1 shared:2 - fuse.sshfs me@host:/ rw\n"
      "37 35 0:5 / /sys rw -  sysfs\n38 35 0:5 / /z rw - tmpfs  rw\n",
      mounts, skipped));
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0], (Mount{"98:0", "/a b", "/mnt/x\ty\\z\\9", "fuse.sshfs", "me@host:/", true}));
  EXPECT_EQ(mounts[1].type, "sysfs");
  EXPECT_EQ(mounts[1].device, "");
  EXPECT_FALSE(mounts[1].read_only);
  EXPECT_EQ(mounts[2].device, "") << "not the options behind it";
  ASSERT_TRUE(parse_mounts("/dev/sda1 /a\\040b ext4 rw,errors=remount-ro 0 0\n/dev/sdb /c ext4 noatime,ro 0 0\n",
                           mounts, skipped));
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].path, "/a b");
  EXPECT_FALSE(mounts[0].read_only) << "errors=remount-ro is not ro";
  EXPECT_TRUE(mounts[1].read_only);
}

TEST(Utmp, SessionsOnly) {
  Skipped skipped;
  const auto record = [](short type, const std::string& user) {
    ::utmp entry{};
    entry.ut_type = type;
    std::memcpy(entry.ut_user, user.data(), user.size());
    return std::string(reinterpret_cast<const char*>(&entry), sizeof entry);
  };
  const std::string longest(sizeof(::utmp::ut_user), 'x');
  const std::string bytes = record(BOOT_TIME, "reboot") + record(USER_PROCESS, "ada") + record(DEAD_PROCESS, "bob") +
                            record(USER_PROCESS, longest);
  std::vector<std::string_view> users;
  ASSERT_TRUE(parse_utmp(std::as_bytes(std::span(bytes)), users, skipped));
  EXPECT_EQ(users, (std::vector<std::string_view>{"ada", longest}));
  EXPECT_EQ(skipped.lines(), 0U);
  ASSERT_TRUE(parse_utmp(std::as_bytes(std::span(bytes)).first(bytes.size() - 1), users, skipped));
  EXPECT_EQ(users, std::vector<std::string_view>{"ada"}) << "the whole records";
  EXPECT_EQ(skipped.lines(), 1U);
  EXPECT_TRUE(parse_utmp({}, users, skipped));
  EXPECT_TRUE(users.empty());
}

TEST(Cpuinfo, SiblingsAreOneCore) {
  const auto two = count_cores(
      "processor\t: 0\nphysical id\t: 0\ncore id\t\t: 0\n\nprocessor\t: 1\nphysical id\t: 0\ncore id\t\t: 0\n\n"
      "processor\t: 2\nphysical id\t: 1\ncore id\t\t: 0\n");
  EXPECT_EQ(two, 2U);
  EXPECT_EQ(count_cores("processor\t: 0\nBogoMIPS\t: 50\n"), 0U);
  EXPECT_EQ(count_cores("processor\t: 0\nphysical id\t: 0\ncore id\t: 0\nprocessor\t: 1\n\ncore id\t: 1\n"), 0U)
      << "a number that is too small would be worse than none";
}

// The forms that some kernels and emulations of /proc write.

TEST(NetDev, AliasesAndInterfacesWithoutStatistics) {
  Skipped skipped;
  std::vector<Interface> interfaces;
  ASSERT_TRUE(
      parse_net_dev("Inter-| Receive | Transmit\n face |bytes |bytes\n  eth0: 5000 50 0 0 0 0 0 0 6000 60 0 0 0 0 0 0\n"
                    "eth0:1:       0       0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\n  sit0: No statistics available.\n"
                    "tun0: 1 2 x 4 5 6 7 8 9 10 -1 12\n",
                    interfaces, skipped));
  ASSERT_EQ(interfaces.size(), 3U);
  EXPECT_EQ(interfaces[0].name, "eth0");
  EXPECT_EQ(interfaces[0].bytes_received, 5000U);
  EXPECT_EQ(interfaces[1].name, "eth0:1");
  EXPECT_EQ(interfaces[2].packets_received, 2U);
  EXPECT_FALSE(interfaces[2].errors_in);
  EXPECT_FALSE(interfaces[2].errors_out);
  EXPECT_EQ(interfaces[2].drops_out, 12U);
  EXPECT_EQ(skipped.lines(), 3U);
  EXPECT_EQ(skipped.describe(), "line 5: empty");
}

TEST(Meminfo, WrappedAndNegativeSizesAreNone) {
  Skipped skipped;
  MemInfo info;
  ASSERT_TRUE(parse_meminfo(
      "MemTotal: 16384000 kB\nMemFree: 8192000 kB\nMemAvailable: 12288000 kB\nBuffers: 1 kB\n"
      "Cached: 18446744073709551612 kB\nSwapTotal: 0 kB\nSwapFree: 18446744073709346016 kB\nCommitted_AS: -4 kB\n",
      info, skipped));
  EXPECT_EQ(info.total, 16384000ULL * 1024);
  EXPECT_FALSE(info.cached);
  EXPECT_EQ(info.swap_total, 0U);
  EXPECT_FALSE(info.swap_free);
  EXPECT_FALSE(info.committed_as);
  EXPECT_EQ(skipped.lines(), 3U);
}

TEST(Meminfo, OnlyAKernelThatSaysNotWhatIsAvailableIsOld) {
  Skipped skipped;
  MemInfo info;
  ASSERT_TRUE(parse_meminfo("MemTotal: 9 kB\nMemFree: 2 kB\nBuffers: 1 kB\nCached: 3 kB\n", info, skipped));
  EXPECT_TRUE(info.lacks_available);
  ASSERT_TRUE(parse_meminfo("MemTotal: 9 kB\nMemFree: 2 kB\n\nBuffers: 1 kB\nCached: 3 kB\n", info, skipped));
  EXPECT_FALSE(info.lacks_available) << "the line was there and could not be read";
}

TEST(Stat, NegativeCountersAreNone) {
  Skipped skipped;
  Stat stat;
  ASSERT_TRUE(
      parse_stat("cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 5\nctxt -6\nbtime 7\nprocesses -2049562273\n", stat, skipped));
  EXPECT_EQ(stat.interrupts, 5U);
  EXPECT_FALSE(stat.context_switches);
  EXPECT_EQ(stat.boot_time_seconds, 7U);
  EXPECT_FALSE(stat.processes_forked);
  EXPECT_EQ(skipped.lines(), 2U);
  EXPECT_EQ(skipped.describe(), "line 4: not a number: \"ctxt -6\"");
}

TEST(Stat, HowManyCpusAreOnlineIsToldOrNotAtAll) {
  const auto online = [](std::string_view text) {
    Skipped skipped;
    Stat stat;
    EXPECT_TRUE(parse_stat(text, stat, skipped));
    return stat.online;
  };
  EXPECT_EQ(online("cpu  1 2 3 4\ncpu0 1 2 x 4\ncpu1 1 2 3 4\nintr 1\n"), 2U) << "its number is enough";
  EXPECT_EQ(online("cpu  1 2 3 4\n\ncpu1 1 2 3 4\nintr 1\n"), std::nullopt) << "which may have been cpu0";
  EXPECT_EQ(online("cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 4\n\n"), 2U);
  EXPECT_EQ(online("cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu0 1 2 3 4\nintr 4\n"), 1U);
}

}  // namespace
}  // namespace resmon::procfs
