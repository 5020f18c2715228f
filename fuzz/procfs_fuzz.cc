// All parsers of lib/procfs: the input's first byte chooses one, the rest is its text. The parsers must neither crash
// nor read past the text, and what they return must point into it.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

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
#include "procfs/utmp.h"
#include "procfs/wireless.h"

namespace {

using namespace resmon;
using namespace resmon::procfs;

void must_be_within(std::string_view part, std::string_view whole) {
  if (part.empty()) return;
  if (part.data() < whole.data() || part.data() + part.size() > whole.data() + whole.size()) std::abort();
}

template <class T, Status (*kParse)(std::string_view, T&, Skipped&)>
void one(std::string_view text) {
  T out{};
  Skipped skipped;
  const bool of_use = kParse(text, out, skipped).has_value();
  // What was skipped can be told, in few words.
  if (skipped.describe().size() > 200 || (of_use && skipped.lines() > text.size() + 1)) std::abort();
}

template <class T, Status (*kParse)(std::string_view, std::vector<T>&, Skipped&)>
void named(std::string_view text) {
  std::vector<T> out;
  Skipped skipped;
  if (!kParse(text, out, skipped)) return;
  for (const T& entry : out) must_be_within(entry.name, text);
}

// In pieces whose size the text's length gives, which must not change the counts.
void tcp(std::string_view text) {
  TcpStates whole;
  Skipped skipped;
  TcpTable table(whole, skipped);
  table.feed(text);
  const bool ok = table.finish().has_value();
  TcpStates pieces;
  Skipped skipped_again;
  TcpTable again(pieces, skipped_again);
  const std::size_t size = text.size() % 13 + 1;
  for (std::size_t at = 0; at < text.size(); at += size) again.feed(text.substr(at, size));
  // Of a line longer than the buffer only the beginning is looked at, when it comes in pieces.
  const bool short_lines = text.size() <= 512;
  if (short_lines && (again.finish().has_value() != ok || whole.count != pieces.count)) std::abort();
}

void parse(char parser, std::string_view text) {
  switch (parser) {
    case 's':
      return one<Stat, parse_stat>(text);
    case 'm':
      return one<MemInfo, parse_meminfo>(text);
    case 'v':
      return one<SwapCounters, parse_vmstat>(text);
    case 'd':
      return named<Disk, parse_diskstats>(text);
    case 'n':
      return named<Interface, parse_net_dev>(text);
    case 'k':
      return one<SocketCounts, parse_sockstat>(text);
    case 'K':
      return one<TcpActivity, parse_snmp>(text);
    case 't':
      return tcp(text);
    case 'i': {
      TcpStates states;
      (void)count_inet_diag(std::as_bytes(std::span(text)), states);
      return;
    }
    case 'l':
      return one<LoadAverage, parse_loadavg>(text);
    case 'u':
      return one<double, parse_uptime>(text);
    case 'p':
      return one<PressureFile, parse_pressure>(text);
    case 'f': {
      Number numbers[3];
      Skipped skipped;
      (void)parse_numbers(text, numbers, skipped);
      return;
    }
    case 'T': {
      std::vector<ProtocolCounter> counters;
      Skipped skipped;
      if (parse_protocol_counters(text, counters, skipped))
        for (const ProtocolCounter& one : counters) must_be_within(one.protocol, text), must_be_within(one.name, text);
      return;
    }
    case 'q':
      return named<Interrupt, parse_interrupts>(text);
    case 'x': {
      Number columns[17];
      Number first;
      Skipped skipped;
      (void)sum_cpu_columns(text, "entries", columns, first, skipped);
      return;
    }
    case 'D':
      return named<MdArray, parse_mdstat>(text);
    case 'z':
      return one<std::int64_t, parse_signed>(text);
    case 'P': {
      PidStat stat;
      PidUsage usage;
      Skipped skipped;
      if (parse_pid_stat(text, stat, skipped)) must_be_within(stat.name, text);
      if (parse_pid_stat(text, stat, skipped, &usage)) must_be_within(stat.name, text);
      return;
    }
    case 'C': {
      Number usage;
      Skipped skipped;
      const Keyed wanted[] = {{"usage_usec", &usage}};
      (void)parse_keyed(text, wanted, skipped);
      return;
    }
    case 'I':
      return one<CgroupIo, parse_io_stat>(text);
    case 'B':
      return one<CgroupIo, parse_blkio>(text);
    case 'L':
      return one<Number, parse_limit>(text);
    case 'O':
      return one<OsRelease, parse_os_release>(text);
    case 'o':
      return one<PidIo, parse_pid_io>(text);
    case 'U':
      return one<Number, parse_pid_status>(text);
    case 'W':
      return one<std::vector<User>, parse_passwd>(text);
    case 'g': {
      CgroupOwner owner;
      Skipped skipped;
      std::string_view path;
      if (parse_pid_cgroup(text, owner, skipped, &path) && owner.size != 0) must_be_within(path, text);
      return;
    }
    case 'M':
      return one<std::vector<Mount>, parse_mountinfo>(text);
    case 'N':
      return one<std::vector<Mount>, parse_mounts>(text);
    case 'w': {
      std::vector<std::string_view> users;
      Skipped skipped;
      if (parse_utmp(std::as_bytes(std::span(text)), users, skipped))
        for (const std::string_view user : users) must_be_within(user, text);
      return;
    }
    case 'b': {
      Bond bond;
      Skipped skipped;
      if (!parse_bonding(text, bond, skipped)) return;
      must_be_within(bond.mode, text), must_be_within(bond.active_slave, text);
      for (const BondSlave& slave : bond.slaves) must_be_within(slave.name, text);
      return;
    }
    case 'r':
      return named<WirelessLink, parse_wireless>(text);
    case 'F':
      return one<std::vector<NfsMount>, parse_nfs_mounts>(text);
    case 'G':
      return one<NfsServer, parse_nfs_server>(text);
    case 'Z': {
      Number hits;
      Skipped skipped;
      const Keyed wanted[] = {{"hits", &hits}};
      (void)parse_kstat(text, wanted, skipped);
      return;
    }
    case 'c':
      (void)count_cores(text);
      must_be_within(cpu_model(text), text);
      return;
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy of the exact size, so that the sanitizer sees a read one past the text.
  const std::unique_ptr<char[]> text(new char[size - 1]);
  for (std::size_t i = 1; i < size; ++i) text[i - 1] = static_cast<char>(data[i]);
  parse(static_cast<char>(data[0]), {text.get(), size - 1});
  return 0;
}
