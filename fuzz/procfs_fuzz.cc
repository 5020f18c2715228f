// All parsers of lib/procfs: the input's first byte chooses one, the rest is its text. The parsers must neither crash
// nor read past the text, and what they return must point into it.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "procfs/cpuinfo.h"
#include "procfs/diskstats.h"
#include "procfs/load.h"
#include "procfs/meminfo.h"
#include "procfs/mounts.h"
#include "procfs/net_dev.h"
#include "procfs/pid_stat.h"
#include "procfs/sockets.h"
#include "procfs/stat.h"
#include "procfs/utmp.h"

namespace {

using namespace resmon;
using namespace resmon::procfs;

void must_be_within(std::string_view part, std::string_view whole) {
  if (part.empty()) return;
  if (part.data() < whole.data() || part.data() + part.size() > whole.data() + whole.size()) std::abort();
}

template <class T, Status (*kParse)(std::string_view, T&)>
void one(std::string_view text) {
  T out{};
  (void)kParse(text, out);
}

template <class T, Status (*kParse)(std::string_view, std::vector<T>&)>
void named(std::string_view text) {
  std::vector<T> out;
  if (!kParse(text, out)) return;
  for (const T& entry : out) must_be_within(entry.name, text);
}

// In pieces whose size the text's length gives, which must not change the counts.
void tcp(std::string_view text) {
  TcpStates whole;
  TcpTable table(whole);
  const bool ok = table.feed(text).has_value() && table.finish().has_value();
  TcpStates pieces;
  TcpTable again(pieces);
  const std::size_t size = text.size() % 13 + 1;
  bool ok_again = true;
  for (std::size_t at = 0; at < text.size() && ok_again; at += size)
    ok_again = again.feed(text.substr(at, size)).has_value();
  ok_again = ok_again && again.finish().has_value();
  // A line longer than the buffer is refused only when it comes in pieces.
  if (ok && ok_again && whole.count != pieces.count) std::abort();
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
      return one<SocketCounts, add_sockstat>(text);
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
      std::uint64_t numbers[3] = {};
      (void)parse_numbers(text, numbers);
      return;
    }
    case 'P': {
      PidStat stat;
      if (parse_pid_stat(text, stat)) must_be_within(stat.name, text);
      return;
    }
    case 'M':
      return one<std::vector<Mount>, parse_mountinfo>(text);
    case 'N':
      return one<std::vector<Mount>, parse_mounts>(text);
    case 'w': {
      std::vector<std::string_view> users;
      if (parse_utmp(std::as_bytes(std::span(text)), users))
        for (const std::string_view user : users) must_be_within(user, text);
      return;
    }
    case 'c':
      (void)count_cores(text);
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
