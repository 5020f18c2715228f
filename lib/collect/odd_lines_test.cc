// The whole gather over a capture, with each line of each of its files spoilt in turn: every value that other lines
// hold comes through exactly, in the same rows.

#include <algorithm>
#include <iostream>

#include "collect/fixture_test.h"
#include "collect/gather.h"
#include "procfs/odd_lines_test.h"

namespace resmon::collect {
namespace {

using Flat = procfs::testing::Values;
using testing::Machine;

constexpr UnixNanos kBegin = 1'795'369'200'000'000'000;
// Later than any interval at which something is looked at again.
constexpr UnixNanos kLater = kBegin + 3'600'000'000'000;

int some_statfs(const char* path, struct ::statfs* out) {
  *out = {};
  out->f_bsize = 4096;
  out->f_blocks = 1000 + std::string_view(path).size();
  out->f_bfree = 400;
  out->f_bavail = 300;
  out->f_files = 100;
  out->f_ffree = 75;
  return 0;
}

// Files that one collector alone reads, and those collectors: only they run, which is most of what this test costs. The
// first three have threads besides, which take their time to begin.
struct Reader {
  std::string_view collector;
  std::string_view path;
};
constexpr Reader kOnlyReaders[] = {{"temp", "sys/class/hwmon/"},
                                   {"sensors", "sys/class/hwmon/"},
                                   {"battery", "sys/class/power_supply/"},
                                   {"temp", "sys/class/thermal/"},
                                   {"bond", "proc/1/net/bonding/"},
                                   {"wireless", "proc/1/net/wireless"},
                                   {"nfsclient", "proc/1/mountstats"},
                                   {"nfsserver", "proc/1/net/rpc/nfsd"},
                                   {"zfs", "proc/spl/"},
                                   {"btrfs", "sys/fs/btrfs/"},
                                   {"rapl", "sys/class/powercap/"},
                                   {"edac", "sys/devices/system/edac/"},
                                   {"mdstat", "proc/mdstat"},
                                   {"interrupts", "proc/interrupts"},
                                   {"interrupts", "proc/softirqs"},
                                   {"linux_sysctl_fs", "proc/sys/fs/"},
                                   {"pressure", "proc/pressure/"},
                                   {"conntrack", "proc/1/net/stat/"},
                                   {"softnet", "proc/1/net/softnet_stat"}};

void enable(const std::string& path, GatherOptions& options) {
  bool one_alone = false;
  for (const Reader& reader : kOnlyReaders) one_alone = one_alone || path.starts_with(reader.path);
  for (const CollectorInfo& info : registry()) {
    bool enabled = !one_alone && info.name != "timex";  // the clock is this machine's
    for (const Reader& reader : kOnlyReaders) {
      if (reader.collector != info.name) continue;
      enabled = path.starts_with(reader.path);
      if (enabled) break;
    }
    options.collectors[std::string(info.name)].enabled = enabled;
  }
  options.collectors["disk"].enabled = path.ends_with("mountinfo");
}

class FixedClock final : public Clock {
 public:
  UnixNanos wall() const override { return now; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(now));
  }
  UnixNanos now = kBegin;
};

class Capture {
 public:
  Capture() {
    machine_.capture("host");
    machine_.roots.root = "/nowhere";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(testing::kFixtures / "host")) {
      if (!entry.is_regular_file()) continue;
      const auto path = std::filesystem::relative(entry.path(), testing::kFixtures / "host");
      const auto later = read_file((testing::kFixtures / "host_later" / path).string());
      before_[path] = *read_file(entry.path().string());
      after_[path] = later ? *later : before_[path];
    }
  }
  const std::map<std::string, std::string>& files() const { return after_; }

  // The second of two gathers, at which `path` has this text. All measurements but internal_collector's.
  Flat gather(const std::string& path, const std::string& text) {
    for (const auto& [name, content] : before_)
      if (content != after_[name] || name == path) machine_.write(name, content);
    FixedClock clock;
    metric::SchemaTable schemas;
    GatherOptions options;
    options.roots = machine_.roots;
    options.report_itself = false;
    options.statfs_function = some_statfs;
    enable(path, options);
    auto gatherer = std::move(Gatherer::make(options, schemas, clock)).value();
    metric::Batch batch;
    gatherer->gather_all(kBegin, batch);
    batch.clear();
    for (const auto& [name, content] : after_)
      if (content != before_[name]) machine_.write(name, content);
    machine_.write(path, text);
    clock.now = kLater;
    gatherer->gather_all(kLater, batch);
    machine_.write(path, before_[path]);  // what is odd here is not odd while another file is looked at
    Flat values;
    for (const metric::Row& row : batch.rows()) {
      const metric::Schema& schema = schemas[row.schema];
      const std::string group = metric::group_key(schema.measurement, schema.tags);
      for (std::size_t field = 0; field < row.fields; ++field)
        if (batch.has(row, field))
          values[group + " " + schema.fields[field].name] =
              testing::value_text(schema.fields[field].type, batch.value(row, field), batch.text());
    }
    return values;
  }

 private:
  Machine machine_;
  std::map<std::string, std::string> before_;
  std::map<std::string, std::string> after_;
};

TEST(OddLines, EachCostsNoValueOfAnother) {
  Capture capture;
  std::size_t inputs = 0;
  std::size_t lost = 0;
  ::testing::internal::CaptureStderr();
  for (const auto& [path, text] : capture.files()) {
    const Flat whole = capture.gather(path, text);
    const std::vector<std::string> lines = procfs::testing::lines_of(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (path.ends_with("vmstat") && !lines[i].starts_with("pswp")) continue;  // some 180, none of which is looked at
      std::vector<std::string> changed = lines;
      std::set<std::string> own;
      for (const std::string& other : procfs::testing::with_other_values(lines[i])) {
        changed[i] = other;
        own.merge(procfs::testing::difference(whole, capture.gather(path, procfs::testing::joined(changed))));
      }
      if (path.ends_with("cpuinfo")) own.insert("system n_physical_cpus");  // all its lines together are one number
      // Names of counters and the numbers below them are one.
      if ((path.ends_with("/snmp") || path.ends_with("/netstat")) && i + 1 < lines.size()) {
        std::vector<std::string> below = lines;
        for (const std::string& other : procfs::testing::with_other_values(lines[i + 1])) {
          below[i + 1] = other;
          own.merge(procfs::testing::difference(whole, capture.gather(path, procfs::testing::joined(below))));
        }
      }
      // A CPU's percentages have one sum, so they are of its line together.
      for (const auto& [key, value] : whole) {
        const std::string row = key.substr(0, key.find(' '));
        if (row.starts_with("cpu,") && own.contains(row + " usage_active")) own.insert(key);
        if (row.starts_with("procstat,") && own.contains(row + " memory_rss")) own.insert(key);
      }
      if (path.find("/bonding/") != std::string::npos) own.insert("bond_slave,bond=bond0 count");  // of all lines
      // What is left of the machine's CPU belongs to the lines of all processes.
      if (path.ends_with("/stat")) own.insert("procstat,process_name=other cpu_usage");
      for (const procfs::testing::OddLine& odd : procfs::testing::odd_lines(lines[i])) {
        changed[i] = odd.text;
        const Flat values = capture.gather(path, procfs::testing::joined(changed));
        ++inputs;
        for (const auto& [key, value] : whole) {
          const auto found = values.find(key);
          if (own.contains(key) || (found != values.end() && found->second == value)) continue;
          ++lost;
          ADD_FAILURE() << path << " line " << i + 1 << " " << odd.how << ": lost " << key << " = " << value << ", now "
                        << (found == values.end() ? "absent" : found->second);
        }
      }
    }
  }
  ::testing::internal::GetCapturedStderr();
  std::cout << inputs << " gathers with one odd line, " << lost << " values of other lines lost\n";
}

}  // namespace
}  // namespace resmon::collect
