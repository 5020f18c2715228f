// What is true of every parser: an odd line, whatever is odd about it, costs that line; only a text with nothing of use
// in it is an error, and that says what is wrong.

#include "procfs/odd_lines_test.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>

#include "base/file.h"
#include "procfs/bonding.h"
#include "procfs/cgroup_files.h"
#include "procfs/cpuinfo.h"
#include "procfs/diskstats.h"
#include "procfs/host_facts.h"
#include "procfs/interrupts.h"
#include "procfs/kstat.h"
#include "procfs/load.h"
#include "procfs/mdstat.h"
#include "procfs/meminfo.h"
#include "procfs/mounts.h"
#include "procfs/net_counters.h"
#include "procfs/net_dev.h"
#include "procfs/nfs_mounts.h"
#include "procfs/pid_files.h"
#include "procfs/pid_stat.h"
#include "procfs/sockets.h"
#include "procfs/stat.h"
#include "procfs/wireless.h"

namespace resmon::procfs {
namespace {

using testing::Values;

const std::filesystem::path kFixtures = RESMON_SOURCE_DIR "/tests/fixtures/proc";

// What a parser made of a text, as a flat table. What is absent has no entry.
struct Parsed {
  Status status;
  Skipped skipped;
  Values values;

  void put(const std::string& key, std::uint64_t value) { values[key] = std::to_string(value); }
  void put(const std::string& key, Number value) {
    if (value) put(key, *value);
  }
  void put(const std::string& key, Decimal value) {
    if (value) values[key] = std::to_string(*value);
  }
};

Parsed stat(std::string_view text) {
  Parsed out;
  Stat read;
  out.status = parse_stat(text, read, out.skipped);
  const auto times = [&](const std::string& name, const CpuTimes& t) {
    std::string& all = out.values[name];
    for (const std::uint64_t value : {t.user, t.nice, t.system, t.idle, t.iowait, t.irq, t.softirq, t.steal, t.guest})
      all += std::to_string(value) + ' ';
  };
  if (read.total) times("total", *read.total);
  for (const Cpu& cpu : read.cpus) times("cpu" + std::to_string(cpu.index), cpu.times);
  if (read.online) out.put("online", std::uint64_t{*read.online});
  out.put("intr", read.interrupts);
  out.put("ctxt", read.context_switches);
  out.put("btime", read.boot_time_seconds);
  out.put("processes", read.processes_forked);
  return out;
}

Parsed meminfo(std::string_view text) {
  Parsed out;
  MemInfo read;
  out.status = parse_meminfo(text, read, out.skipped);
  std::size_t index = 0;
  for (const Number value : {read.total,
                             read.free,
                             read.available,
                             read.buffers,
                             read.cached,
                             read.swap_cached,
                             read.active,
                             read.inactive,
                             read.high_total,
                             read.high_free,
                             read.low_total,
                             read.low_free,
                             read.swap_total,
                             read.swap_free,
                             read.dirty,
                             read.write_back,
                             read.mapped,
                             read.shared,
                             read.slab,
                             read.slab_reclaimable,
                             read.slab_unreclaimable,
                             read.page_tables,
                             read.write_back_tmp,
                             read.commit_limit,
                             read.committed_as,
                             read.vmalloc_total,
                             read.vmalloc_used,
                             read.vmalloc_chunk,
                             read.huge_pages_total,
                             read.huge_pages_free,
                             read.huge_page_size})
    out.put("value " + std::to_string(index++), value);
  return out;
}

Parsed vmstat(std::string_view text) {
  Parsed out;
  SwapCounters read;
  out.status = parse_vmstat(text, read, out.skipped);
  out.put("in", read.pages_in);
  out.put("out", read.pages_out);
  return out;
}

Parsed diskstats(std::string_view text) {
  Parsed out;
  std::vector<Disk> read;
  out.status = parse_diskstats(text, read, out.skipped);
  for (const Disk& disk : read) {
    std::size_t column = 0;
    for (const Number value : {disk.reads, disk.reads_merged, disk.sectors_read, disk.read_milliseconds, disk.writes,
                               disk.writes_merged, disk.sectors_written, disk.write_milliseconds, disk.in_progress,
                               disk.io_milliseconds, disk.weighted_milliseconds})
      out.put(std::string(disk.name) + "." + std::to_string(column++), value);
  }
  return out;
}

Parsed net_dev(std::string_view text) {
  Parsed out;
  std::vector<Interface> read;
  out.status = parse_net_dev(text, read, out.skipped);
  for (const Interface& one : read) {
    std::size_t column = 0;
    for (const Number value : {one.bytes_received, one.packets_received, one.errors_in, one.drops_in, one.bytes_sent,
                               one.packets_sent, one.errors_out, one.drops_out})
      out.put(std::string(one.name) + "." + std::to_string(column++), value);
  }
  return out;
}

Parsed sockstat(std::string_view text) {
  Parsed out;
  SocketCounts read;
  out.status = parse_sockstat(text, read, out.skipped);
  out.put("tcp", read.tcp);
  out.put("orphans", read.tcp_orphans);
  out.put("time_wait", read.tcp_time_wait);
  out.put("allocated", read.tcp_allocated);
  out.put("udp", read.udp);
  return out;
}

Parsed snmp(std::string_view text) {
  Parsed out;
  TcpActivity read;
  out.status = parse_snmp(text, read, out.skipped);
  out.put("active", read.active_opens);
  out.put("passive", read.passive_opens);
  out.put("fails", read.attempt_fails);
  out.put("resets", read.established_resets);
  out.put("now", read.established_now);
  return out;
}

Parsed tcp(std::string_view text) {
  Parsed out;
  TcpStates states;
  TcpTable table(states, out.skipped);
  table.feed(text.substr(0, text.size() / 3));
  table.feed(text.substr(text.size() / 3));
  out.status = table.finish();
  for (std::size_t state = 0; state < states.count.size(); ++state)
    out.put("state " + std::to_string(state), states.count[state]);
  return out;
}

Parsed loadavg(std::string_view text) {
  Parsed out;
  LoadAverage read;
  out.status = parse_loadavg(text, read, out.skipped);
  out.put("1", read.one);
  out.put("5", read.five);
  out.put("15", read.fifteen);
  return out;
}

Parsed uptime(std::string_view text) {
  Parsed out;
  double seconds = 0;
  out.status = parse_uptime(text, seconds, out.skipped);
  if (out.status) out.put("seconds", Decimal(seconds));
  return out;
}

Parsed pressure(std::string_view text) {
  Parsed out;
  PressureFile read;
  out.status = parse_pressure(text, read, out.skipped);
  const auto one = [&](const std::string& name, const std::optional<Pressure>& values) {
    if (!values) return;
    out.put(name + "10", values->average_10);
    out.put(name + "60", values->average_60);
    out.put(name + "300", values->average_300);
    out.put(name + "total", values->total_microseconds);
  };
  one("some", read.some);
  one("full", read.full);
  return out;
}

Parsed numbers(std::string_view text) {
  Parsed out;
  Number read[2];
  out.status = parse_numbers(text, read, out.skipped);
  out.put("0", read[0]);
  out.put("1", read[1]);
  return out;
}

Parsed pid_stat(std::string_view text) {
  Parsed out;
  PidStat read;
  PidUsage usage;
  out.status = parse_pid_stat(text, read, out.skipped, &usage);
  if (out.status) out.values["state"] = read.state;
  if (read.threads != 0) out.put("threads", read.threads);
  out.put("parent", usage.parent_id);
  out.put("user", usage.user_ticks);
  out.put("children's system", usage.children_system_ticks);
  out.put("start", usage.start_ticks);
  out.put("resident", usage.resident_pages);
  return out;
}

Parsed pid_status(std::string_view text) {
  Parsed out;
  Number user;
  out.status = parse_pid_status(text, user, out.skipped);
  out.put("user", user);
  return out;
}

Parsed pid_io(std::string_view text) {
  Parsed out;
  PidIo read;
  out.status = parse_pid_io(text, read, out.skipped);
  out.put("read", read.read_bytes);
  out.put("written", read.written_bytes);
  return out;
}

Parsed pid_cgroup(std::string_view text) {
  Parsed out;
  CgroupOwner owner;
  out.status = parse_pid_cgroup(text, owner, out.skipped);
  if (owner.size != 0) out.values["owner"] = owner.name();
  return out;
}

Parsed os_release(std::string_view text) {
  Parsed out;
  OsRelease os;
  out.status = parse_os_release(text, os, out.skipped);
  if (!os.name.empty()) out.values["name"] = os.name;
  if (!os.version.empty()) out.values["version"] = os.version;
  if (!os.id.empty()) out.values["id"] = os.id;
  return out;
}

Parsed keyed(std::string_view text) {
  Parsed out;
  Number usage, throttled, oom_kill;
  const Keyed wanted[] = {{"usage_usec", &usage}, {"nr_throttled", &throttled}, {"oom_kill", &oom_kill}};
  out.status = parse_keyed(text, wanted, out.skipped);
  out.put("usage", usage);
  out.put("throttled", throttled);
  out.put("oom_kill", oom_kill);
  return out;
}

template <Status (*kParse)(std::string_view, CgroupIo&, Skipped&)>
Parsed cgroup_io(std::string_view text) {
  Parsed out;
  CgroupIo read;
  out.status = kParse(text, read, out.skipped);
  // One number, because it is a sum.
  if (read.read_bytes) out.values["io"] = std::to_string(*read.read_bytes) + " " + std::to_string(*read.written_bytes);
  return out;
}

Parsed limit(std::string_view text) {
  Parsed out;
  Number read;
  out.status = parse_limit(text, read, out.skipped);
  out.put("limit", read);
  return out;
}

Parsed passwd(std::string_view text) {
  Parsed out;
  std::vector<User> users;
  out.status = parse_passwd(text, users, out.skipped);
  for (const User& user : users) out.values[std::to_string(user.id)] = user.name;
  return out;
}

template <Status (*kParse)(std::string_view, std::vector<Mount>&, Skipped&)>
Parsed mounts(std::string_view text) {
  Parsed out;
  std::vector<Mount> read;
  out.status = kParse(text, read, out.skipped);
  for (const Mount& mount : read)
    out.values[mount.path + " " + mount.device_number] =
        mount.root + " " + mount.type + " " + mount.device + (mount.read_only ? " ro" : "");
  return out;
}

Parsed counters(std::string_view text) {
  Parsed out;
  std::vector<ProtocolCounter> read;
  out.status = parse_protocol_counters(text, read, out.skipped);
  for (const ProtocolCounter& one : read) out.put(std::string(one.protocol) + "." + std::string(one.name), one.value);
  return out;
}

Parsed interrupts(std::string_view text) {
  Parsed out;
  std::vector<Interrupt> read;
  out.status = parse_interrupts(text, read, out.skipped);
  for (const Interrupt& one : read) out.put(std::string(one.name) + "." + std::string(one.description), one.total);
  return out;
}

Parsed columns_below(std::string_view heading, std::string_view text) {
  Parsed out;
  Number columns[3];
  Number first;
  out.status = sum_cpu_columns(text, heading, columns, first, out.skipped);
  for (std::size_t i = 0; i < std::size(columns); ++i) out.put(std::to_string(i), columns[i]);
  return out;
}

Parsed cpu_columns(std::string_view text) {
  return columns_below("", text);
}

Parsed conntrack_columns(std::string_view text) {
  return columns_below("entries", text);
}

Parsed mdstat(std::string_view text) {
  Parsed out;
  std::vector<MdArray> read;
  out.status = parse_mdstat(text, read, out.skipped);
  for (const MdArray& array : read) {
    const std::string name(array.name);
    out.values[name + ".devices"] = std::string(array.state) + " " + std::string(array.devices);
    out.put(name + ".blocks", array.blocks);
    out.put(name + ".total", array.total);
    out.put(name + ".active", array.active);
  }
  return out;
}

Parsed signed_number(std::string_view text) {
  Parsed out;
  std::int64_t read = 0;
  out.status = parse_signed(text, read, out.skipped);
  if (out.status) out.values["value"] = std::to_string(read);
  return out;
}

Parsed cpuinfo(std::string_view text) {
  Parsed out;
  out.put("cores", count_cores(text));
  return out;
}

Parsed bonding(std::string_view text) {
  Parsed out;
  Bond bond;
  out.status = parse_bonding(text, bond, out.skipped);
  if (!bond.active_slave.empty()) out.values["active"] = bond.active_slave;
  if (bond.up) out.values["up"] = *bond.up ? "yes" : "no";
  for (const BondSlave& slave : bond.slaves) {
    const std::string name(slave.name);
    if (slave.up) out.values[name + ".up"] = *slave.up ? "yes" : "no";
    out.put(name + ".failures", slave.failures);
    out.put(name + ".churned", slave.actor_churned);
    out.put(name + ".partner churned", slave.partner_churned);
  }
  return out;
}

Parsed wireless(std::string_view text) {
  Parsed out;
  std::vector<WirelessLink> links;
  out.status = parse_wireless(text, links, out.skipped);
  for (const WirelessLink& link : links) {
    const std::string name(link.name);
    for (const auto& [key, value] : {std::pair{".link", link.link}, {".level", link.level}, {".noise", link.noise}})
      if (value) out.values[name + key] = std::to_string(*value);
    out.put(name + ".status", link.status);
    out.put(name + ".misc", link.discarded_misc);
    out.put(name + ".beacon", link.missed_beacons);
  }
  return out;
}

Parsed nfs_mounts(std::string_view text) {
  Parsed out;
  std::vector<NfsMount> mounts;
  out.status = parse_nfs_mounts(text, mounts, out.skipped);
  for (const NfsMount& mount : mounts) {
    for (const auto& [name, operation] : {std::pair{".read", mount.read}, {".write", mount.write}}) {
      out.put(mount.path + name, operation.operations);
      out.put(mount.path + name + ".bytes", operation.bytes);
      out.put(mount.path + name + ".execute", operation.execute_milliseconds);
    }
  }
  return out;
}

Parsed nfs_server(std::string_view text) {
  Parsed out;
  NfsServer server;
  out.status = parse_nfs_server(text, server, out.skipped);
  out.put("hits", server.cache_hits);
  out.put("misses", server.cache_misses);
  out.put("read", server.read_bytes);
  out.put("written", server.written_bytes);
  out.put("threads", server.threads);
  out.put("packets", server.packets);
  out.put("connections", server.tcp_connections);
  out.put("calls", server.calls);
  out.put("bad", server.bad_calls);
  return out;
}

Parsed kstat(std::string_view text) {
  Parsed out;
  Number hits, size, reads;
  const Keyed wanted[] = {{"hits", &hits}, {"size", &size}, {"reads", &reads}};
  out.status = parse_kstat(text, wanted, out.skipped);
  out.put("hits", hits);
  out.put("size", size);
  out.put("reads", reads);
  return out;
}

using Parse = std::function<Parsed(std::string_view)>;

const std::map<std::string, Parse>& parsers() {
  static const std::map<std::string, Parse> kParsers = {{"stat", stat},
                                                        {"meminfo", meminfo},
                                                        {"vmstat", vmstat},
                                                        {"diskstats", diskstats},
                                                        {"net_dev", net_dev},
                                                        {"sockstat", sockstat},
                                                        {"snmp", snmp},
                                                        {"tcp", tcp},
                                                        {"loadavg", loadavg},
                                                        {"uptime", uptime},
                                                        {"pressure", pressure},
                                                        {"numbers", numbers},
                                                        {"pid_stat", pid_stat},
                                                        {"pid_status", pid_status},
                                                        {"pid_io", pid_io},
                                                        {"pid_cgroup", pid_cgroup},
                                                        {"passwd", passwd},
                                                        {"keyed", keyed},
                                                        {"io_stat", cgroup_io<parse_io_stat>},
                                                        {"blkio", cgroup_io<parse_blkio>},
                                                        {"limit", limit},
                                                        {"os_release", os_release},
                                                        {"mountinfo", mounts<parse_mountinfo>},
                                                        {"mounts", mounts<parse_mounts>},
                                                        {"counters", counters},
                                                        {"interrupts", interrupts},
                                                        {"cpu_columns", cpu_columns},
                                                        {"conntrack_columns", conntrack_columns},
                                                        {"mdstat", mdstat},
                                                        {"signed", signed_number},
                                                        {"bonding", bonding},
                                                        {"wireless", wireless},
                                                        {"nfs_mounts", nfs_mounts},
                                                        {"nfs_server", nfs_server},
                                                        {"kstat", kstat},
                                                        {"cpuinfo", cpuinfo}};
  return kParsers;
}

struct Fixture {
  const char* parser;
  const char* path;
};
constexpr Fixture kFiles[] = {{"stat", "host/proc/stat"},
                              {"stat", "old/stat"},
                              {"meminfo", "host/proc/meminfo"},
                              {"meminfo", "old/meminfo"},
                              {"vmstat", "host/proc/vmstat"},
                              {"diskstats", "host/proc/diskstats"},
                              {"net_dev", "host/proc/1/net/dev"},
                              {"sockstat", "host/proc/1/net/sockstat"},
                              {"sockstat", "host/proc/1/net/sockstat6"},
                              {"snmp", "host/proc/1/net/snmp"},
                              {"tcp", "host/proc/1/net/tcp"},
                              {"tcp", "host/proc/1/net/tcp6"},
                              {"loadavg", "host/proc/loadavg"},
                              {"uptime", "host/proc/uptime"},
                              {"pressure", "host/proc/pressure/io"},
                              {"numbers", "host/proc/sys/fs/file-nr"},
                              {"pid_stat", "host/proc/905/stat"},
                              {"pid_status", "host/proc/812/status"},
                              {"pid_io", "host/proc/812/io"},
                              {"pid_cgroup", "host/proc/812/cgroup"},
                              {"pid_cgroup", "host/proc/1/cgroup"},
                              {"passwd", "host/root/etc/passwd"},
                              {"keyed", "cgroup/cpu.stat"},
                              {"keyed", "cgroup/memory.events"},
                              {"io_stat", "cgroup/io.stat"},
                              {"blkio", "cgroup/blkio"},
                              {"limit", "cgroup/memory.max"},
                              {"os_release", "host/root/etc/os-release"},
                              {"mountinfo", "host/proc/1/mountinfo"},
                              {"counters", "host/proc/1/net/snmp"},
                              {"counters", "host/proc/1/net/netstat"},
                              {"interrupts", "host/proc/interrupts"},
                              {"interrupts", "host/proc/softirqs"},
                              {"cpu_columns", "host/proc/1/net/softnet_stat"},
                              {"conntrack_columns", "host/proc/1/net/stat/nf_conntrack"},
                              {"mdstat", "host/proc/mdstat"},
                              {"signed", "host/sys/class/hwmon/hwmon0/temp1_input"},
                              {"bonding", "host/proc/1/net/bonding/bond0"},
                              {"bonding", "bonding/lacp"},
                              {"wireless", "host/proc/1/net/wireless"},
                              {"nfs_mounts", "host/proc/1/mountstats"},
                              {"nfs_server", "host/proc/1/net/rpc/nfsd"},
                              {"kstat", "host/proc/spl/kstat/zfs/arcstats"},
                              {"kstat", "host/proc/spl/kstat/zfs/tank/objset-0x36"},
                              {"keyed", "host/sys/fs/btrfs/0f8a2c1e-5b64-4f0e-9a55-3c0c2b1d7e90/devinfo/2/error_stats"},
                              {"cpuinfo", "host/proc/cpuinfo"}};

std::string text_of(const char* path) {
  const auto text = read_file((kFixtures / path).string());
  EXPECT_TRUE(text) << path;
  return text ? *text : std::string();
}

// The values that change with the line's numbers.
std::set<std::string> own_of_line(const Parse& parse, std::vector<std::string> lines, std::size_t at) {
  const Values whole = parse(testing::joined(lines)).values;
  std::set<std::string> own;
  for (const std::string& other : testing::with_other_values(std::string(lines[at]))) {
    lines[at] = other;
    own.merge(testing::difference(whole, parse(testing::joined(lines)).values));
  }
  return own;
}

TEST(OddLines, EachCostsOnlyItself) {
  std::size_t inputs = 0;
  std::size_t lost = 0;
  for (const Fixture& file : kFiles) {
    const Parse& parse = parsers().at(file.parser);
    const std::string text = text_of(file.path);
    const Values whole = parse(text).values;
    const std::vector<std::string> lines = testing::lines_of(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::vector<std::string> changed = lines;
      std::set<std::string> own = own_of_line(parse, lines, i);
      // Names of counters and the numbers below them are one.
      if (std::string_view(file.parser) == "counters" && i + 1 < lines.size())
        own.merge(own_of_line(parse, lines, i + 1));
      // How many CPUs there are is told by all lines together; where one is odd the collector asks sysfs.
      own.insert("online");
      own.insert("cores");  // all lines of cpuinfo together are one number
      own.insert("io");     // and so are a cgroup's devices
      for (const testing::OddLine& odd : testing::odd_lines(lines[i])) {
        changed[i] = odd.text;
        const Values values = parse(testing::joined(changed)).values;
        ++inputs;
        for (const auto& [key, value] : whole) {
          const auto found = values.find(key);
          if (own.contains(key) || (found != values.end() && found->second == value)) continue;
          ++lost;
          ADD_FAILURE() << file.path << " line " << i + 1 << " " << odd.how << ": lost " << key << " = " << value;
        }
      }
    }
  }
  std::cout << inputs << " texts with one odd line, " << lost << " values of other lines lost\n";
}

TEST(OddLines, AreCounted) {
  for (const Fixture& file : kFiles) {
    if (std::string_view(file.parser) == "cpuinfo") continue;  // read once in ten minutes, for one number
    const Parse& parse = parsers().at(file.parser);
    const std::string text = text_of(file.path);
    EXPECT_EQ(parse(text).skipped.lines(), 0U) << file.path << ": " << parse(text).skipped.describe();
    const Values whole = parse(text).values;
    const std::vector<std::string> lines = testing::lines_of(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::vector<std::string> changed = lines;
      for (const testing::OddLine& odd : testing::odd_lines(lines[i])) {
        if (odd.how == "cut" || odd.how.starts_with("overlong")) continue;  // may still be a good number
        if (odd.how == "not UTF-8" && std::string_view(file.parser) == "mountinfo") continue;  // so may a path be
        // "eth-0" is an interface's name.
        if (odd.how == "negative" && std::string_view(file.parser) == "bonding" && lines[i].starts_with("Slave"))
          continue;
        changed[i] = odd.text;
        const Parsed parsed = parse(testing::joined(changed));
        for (const auto& [key, value] : whole)
          EXPECT_TRUE(parsed.values.contains(key) || parsed.skipped.lines() != 0)
              << file.path << " line " << i + 1 << " " << odd.how << ": " << key;
      }
    }
  }
}

TEST(OddLines, NulsAndAMissingLastNewlineAreTheEnd) {
  for (const Fixture& file : kFiles) {
    const Parse& parse = parsers().at(file.parser);
    const std::string text = text_of(file.path);
    const Values whole = parse(text).values;
    const std::string bare = text.substr(0, text.size() - 1);
    ASSERT_NE(bare.size(), 0U);
    for (const std::string& other :
         {bare, bare + '\0', text + std::string(4096, '\0'), bare + std::string(3, '\0') + '\n'}) {
      const Parsed parsed = parse(other);
      EXPECT_EQ(parsed.values, whole) << file.path;
      EXPECT_EQ(parsed.skipped.lines(), 0U) << file.path << ": " << parsed.skipped.describe();
    }
  }
}

// What a broken read leaves of a file: every line before the last is taken as it is.
TEST(OddLines, ATextCutOffAnywhereKeepsItsWholeLines) {
  for (const Fixture& file : kFiles) {
    const Parse& parse = parsers().at(file.parser);
    const std::string text = text_of(file.path);
    for (std::size_t size = 0; size < text.size(); ++size) {
      // A copy of exactly that size, so that a sanitizer sees a read past it.
      const std::vector<char> part(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
      const Parsed parsed = parse({part.data(), part.size()});
      EXPECT_TRUE(parsed.status || parsed.status.error().kind == ErrorKind::kInvalid) << file.path << " at " << size;
    }
  }
}

TEST(OddLines, EveryBadCaptureIsAnErrorOrCounted) {
  std::map<std::string, int> seen;
  for (const auto& entry : std::filesystem::directory_iterator(kFixtures / "bad")) {
    const std::string parser = entry.path().stem().string();
    ASSERT_TRUE(parsers().contains(parser)) << entry.path();
    const auto text = read_file(entry.path().string());
    ASSERT_TRUE(text);
    const Parsed parsed = parsers().at(parser)(*text);
    ++seen[parser];
    if (parser == "cpuinfo") {
      EXPECT_EQ(parsed.values.at("cores"), "0") << entry.path();
    } else if (parsed.status) {
      EXPECT_GE(parsed.skipped.lines(), 1U) << entry.path();
      EXPECT_NE(parsed.skipped.describe(), "") << entry.path();
    } else {
      EXPECT_EQ(parsed.status.error().kind, ErrorKind::kInvalid) << entry.path();
      EXPECT_FALSE(parsed.status.error().message.empty()) << entry.path();
    }
  }
  EXPECT_EQ(seen.size(), parsers().size()) << "a parser without a bad capture";
}

TEST(OddLines, HostileTextInAnErrorIsShortAndPrintable) {
  const Parsed parsed = diskstats("   8 0 " + std::string(5000, '\x01') + "\n");
  ASSERT_FALSE(parsed.status);
  EXPECT_LT(parsed.status.error().message.size(), 160U);
  EXPECT_EQ(parsed.status.error().message.find('\x01'), std::string::npos);
}

}  // namespace
}  // namespace resmon::procfs
