// What is true of every parser: malformed captures are errors that say what is wrong, and a file cut off anywhere is
// never taken for a whole one.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>

#include "base/file.h"
#include "procfs/cpuinfo.h"
#include "procfs/diskstats.h"
#include "procfs/load.h"
#include "procfs/meminfo.h"
#include "procfs/mounts.h"
#include "procfs/net_dev.h"
#include "procfs/pid_stat.h"
#include "procfs/sockets.h"
#include "procfs/stat.h"

namespace resmon::procfs {
namespace {

const std::filesystem::path kFixtures = RESMON_SOURCE_DIR "/tests/fixtures/proc";

template <class T, Status (*kParse)(std::string_view, T&)>
Status parse(std::string_view text) {
  T out{};
  return kParse(text, out);
}

Status parse_tcp(std::string_view text) {
  TcpStates states;
  TcpTable table(states);
  RESMON_TRY(table.feed(text));
  return table.finish();
}

Status parse_one_number(std::string_view text) {
  std::uint64_t numbers[1] = {};
  return parse_numbers(text, numbers);
}

Status parse_cpuinfo(std::string_view text) {
  auto count = count_cores(text);
  if (!count) return fail(std::move(count).error());
  return {};
}

const std::map<std::string, std::function<Status(std::string_view)>>& parsers() {
  static const std::map<std::string, std::function<Status(std::string_view)>> kParsers = {
      {"stat", parse<Stat, parse_stat>},
      {"meminfo", parse<MemInfo, parse_meminfo>},
      {"vmstat", parse<SwapCounters, parse_vmstat>},
      {"diskstats", parse<std::vector<Disk>, parse_diskstats>},
      {"net_dev", parse<std::vector<Interface>, parse_net_dev>},
      {"sockstat", parse<SocketCounts, add_sockstat>},
      {"snmp", parse<TcpActivity, parse_snmp>},
      {"tcp", parse_tcp},
      {"loadavg", parse<LoadAverage, parse_loadavg>},
      {"uptime", parse<double, parse_uptime>},
      {"pressure", parse<PressureFile, parse_pressure>},
      {"numbers", parse_one_number},
      {"pid_stat", parse<PidStat, parse_pid_stat>},
      {"mountinfo", parse<std::vector<Mount>, parse_mountinfo>},
      {"mounts", parse<std::vector<Mount>, parse_mounts>},
      {"cpuinfo", parse_cpuinfo},
  };
  return kParsers;
}

TEST(Malformed, EveryBadCaptureIsAnErrorThatSaysWhy) {
  std::map<std::string, int> seen;
  for (const auto& entry : std::filesystem::directory_iterator(kFixtures / "bad")) {
    const std::string parser = entry.path().stem().string();
    ASSERT_TRUE(parsers().contains(parser)) << entry.path();
    const auto text = read_file(entry.path().string());
    ASSERT_TRUE(text);
    const Status status = parsers().at(parser)(*text);
    ASSERT_FALSE(status) << entry.path();
    EXPECT_EQ(status.error().kind, ErrorKind::kInvalid) << entry.path();
    EXPECT_FALSE(status.error().message.empty()) << entry.path();
    ++seen[parser];
  }
  EXPECT_EQ(seen.size(), parsers().size()) << "a parser without a bad capture";
}

struct Whole {
  const char* parser;
  const char* path;
};

TEST(Malformed, AFileCutOffWithinALineIsAnError) {
  const Whole files[] = {{"stat", "stat"},
                         {"meminfo", "meminfo"},
                         {"vmstat", "vmstat"},
                         {"diskstats", "diskstats"},
                         {"net_dev", "1/net/dev"},
                         {"sockstat", "1/net/sockstat"},
                         {"tcp", "1/net/tcp"},
                         {"loadavg", "loadavg"},
                         {"uptime", "uptime"},
                         {"pressure", "pressure/io"},
                         {"numbers", "sys/fs/file-nr"},
                         {"pid_stat", "905/stat"},
                         {"mountinfo", "1/mountinfo"}};
  for (const Whole& file : files) {
    const auto text = read_file((kFixtures / "host/proc" / file.path).string());
    ASSERT_TRUE(text) << file.path;
    const auto& parser = parsers().at(file.parser);
    const Status whole = parser(*text);
    EXPECT_TRUE(whole) << file.path << ": " << (whole ? "" : whole.error().message);
    for (std::size_t size = 1; size < text->size(); ++size) {
      if ((*text)[size - 1] == '\n') continue;
      // A copy of exactly that size, so that a sanitizer sees a read past it.
      const std::vector<char> part(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(parser({part.data(), part.size()})) << file.path << " cut off at " << size;
    }
  }
}

TEST(Malformed, HostileTextInAnErrorIsShortAndPrintable) {
  const Status status = parsers().at("diskstats")("   8 0 sda " + std::string(5000, '\x01') + "\n");
  ASSERT_FALSE(status);
  EXPECT_LT(status.error().message.size(), 120U);
  EXPECT_EQ(status.error().message.find('\x01'), std::string::npos);
}

}  // namespace
}  // namespace resmon::procfs
