// Three points, as Telegraf writes them: load, CPUs and users; uptime; uptime as text.
//
// The number of cores changes only with the number of CPUs, so sysfs is asked when that changed and every ten minutes.
// The users come from utmp, which is a plain file that may be replaced: it is opened each time. Where there is none
// (Debian 13 has none), it is looked for every ten seconds.

#include "collect/system.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/cpuinfo.h"
#include "procfs/load.h"
#include "procfs/utmp.h"

namespace resmon::collect {

std::string_view format_uptime(std::uint64_t seconds, char* out, std::size_t size) {
  const unsigned long long days = seconds / 86400;
  const auto hours = static_cast<unsigned>(seconds / 3600 % 24);
  const auto minutes = static_cast<unsigned>(seconds / 60 % 60);
  const int length = days == 0
                         ? std::snprintf(out, size, "%2u:%02u", hours, minutes)
                         : std::snprintf(out, size, "%llu day%s, %2u:%02u", days, days == 1 ? "" : "s", hours, minutes);
  return {out, std::min(static_cast<std::size_t>(std::max(length, 0)), size - 1)};
}

namespace {

constexpr std::chrono::minutes kCoresInterval{10};
constexpr std::chrono::seconds kMissingUsersInterval{10};

enum SystemField : std::size_t { kLoad1, kLoad5, kLoad15, kCpus, kPhysicalCpus, kUsers, kUniqueUsers };
constexpr FieldSpec kLoadFields[] = {{"load1", kFloat},
                                     {"load5", kFloat},
                                     {"load15", kFloat},
                                     {"n_cpus", kInteger},
                                     {"n_physical_cpus", kInteger},
                                     {"n_users", kInteger},
                                     {"n_unique_users", kInteger}};
constexpr FieldSpec kUptimeFields[] = {{"uptime", kInteger}};
constexpr FieldSpec kUptimeFormatFields[] = {{"uptime_format", kString}};

class System final : public Collector {
 public:
  System(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : roots_(roots),
        shared_(shared),
        load_(schemas, "system", {}, kLoadFields),
        uptime_(schemas, "system", {}, kUptimeFields),
        uptime_format_(schemas, "system", {}, kUptimeFormatFields),
        loadavg_file_(roots.proc + "/loadavg", PinnedFile::Records::kOne),
        uptime_file_(roots.proc + "/uptime", PinnedFile::Records::kOne),
        utmp_paths_{roots.root + "/run/utmp", roots.root + "/var/run/utmp"} {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(load_.ready());
    RESMON_TRY(uptime_.ready());
    RESMON_TRY(uptime_format_.ready());
    Sources sources(context);
    const procfs::Stat* stat = nullptr;
    if (auto read = shared_.stat(context))
      stat = *read;
    else
      sources.failed(std::move(read).error());
    procfs::LoadAverage load;
    sources.read(loadavg_file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_loadavg(text, load, skipped);
    });
    read_users(context, sources);
    if (stat != nullptr) sources.useful();
    refresh_cores(stat, context);
    write_load(load, stat, context, out);

    double uptime_seconds = 0;
    if (sources.read(uptime_file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
          return procfs::parse_uptime(text, uptime_seconds, skipped);
        })) {
      const auto whole_seconds = static_cast<std::uint64_t>(std::min(uptime_seconds, 1e15));
      uptime_.add(out, context.time).set(0, clip(whole_seconds));
      char formatted[64];
      uptime_format_.add(out, context.time).set(0, format_uptime(whole_seconds, formatted, sizeof formatted));
    }
    return sources.finish();
  }

 private:
  void write_load(const procfs::LoadAverage& load, const procfs::Stat* stat, const GatherContext& context,
                  metric::Batch& out) const {
    const bool has_load = load.one || load.five || load.fifteen;
    procfs::Number cpus;
    if (stat != nullptr && stat->online)
      cpus = *stat->online;
    else if (const std::size_t online = online_cpus().size(); online != 0)
      cpus = online;
    if (!has_load && !cpus && cores_ == 0 && !users_known_) return;
    metric::RowWriter row = load_.add(out, context.time);
    set(row, kLoad1, load.one);
    set(row, kLoad5, load.five);
    set(row, kLoad15, load.fifteen);
    set(row, kCpus, cpus);
    if (cores_ != 0) row.set(kPhysicalCpus, clip(cores_));
    if (users_known_) {
      row.set(kUsers, clip(n_users_));
      row.set(kUniqueUsers, clip(n_unique_users_));
    }
  }

  // The CPUs' numbers as sysfs has them, for when /proc/stat does not tell: "0-3,6". Empty where it has no such list.
  std::vector<std::uint32_t> online_cpus() const {
    const std::string text = read_line(roots_.sys + "/devices/system/cpu/online");
    std::vector<std::uint32_t> cpus;
    for (std::string_view left = text; !left.empty();) {
      const std::string_view range = left.substr(0, left.find(','));
      left.remove_prefix(std::min(left.size(), range.size() + 1));
      const std::size_t dash = range.find('-');
      std::uint64_t first = 0;
      std::uint64_t last = 0;
      if (!procfs::Fields(range.substr(0, dash)).number(first)) return {};
      if (!procfs::Fields(dash == std::string_view::npos ? range : range.substr(dash + 1)).number(last)) return {};
      if (last >= procfs::kMostCpus || cpus.size() >= procfs::kMostCpus) return {};
      for (; first <= last; ++first) cpus.push_back(static_cast<std::uint32_t>(first));
    }
    return cpus;
  }

  void read_users(const GatherContext& context, Sources& sources) {
    if (users_missing_ && context.steady - users_missing_at_ < kMissingUsersInterval) return;
    users_missing_ = users_known_ = false;
    n_users_ = n_unique_users_ = 0;
    for (const std::string& path : utmp_paths_) {
      if (!has_file(path)) continue;
      auto bytes = read_once(path.c_str(), shared_.buffer());
      if (!bytes && bytes.error().kind == ErrorKind::kNotFound) continue;
      if (!bytes) {
        sources.failed(std::move(bytes).error());
        return;
      }
      procfs::Skipped skipped;
      auto parsed = procfs::parse_utmp(std::as_bytes(std::span(*bytes)), users_, skipped);
      users_known_ = sources.parsed(path, std::move(parsed), skipped);
      n_users_ = users_.size();
      std::sort(users_.begin(), users_.end());
      n_unique_users_ = static_cast<std::size_t>(std::unique(users_.begin(), users_.end()) - users_.begin());
      return;
    }
    users_missing_ = users_known_ = true;
    users_missing_at_ = context.steady;
  }

  // Asked first because the error of a failed open is a text on the heap, and a machine without utmp is in its steady
  // state.
  static bool has_file(const std::string& path) {
    struct ::stat ignored {};
    return ::stat(path.c_str(), &ignored) == 0;
  }

  void refresh_cores(const procfs::Stat* stat, const GatherContext& context) {
    const bool told = stat != nullptr && stat->online && *stat->online == stat->cpus.size();
    std::vector<std::uint32_t> cpus;
    if (!told) cpus = online_cpus();
    const std::size_t count = told ? stat->cpus.size() : cpus.size();
    if (count == cores_of_cpus_ && context.steady - cores_at_ < kCoresInterval) return;
    cores_of_cpus_ = count;
    cores_at_ = context.steady;
    if (told)
      for (const procfs::Cpu& cpu : stat->cpus) cpus.push_back(cpu.index);
    cores_ = count_cores(cpus, context);
    if (cores_ != 0) return;
    if (auto text = read_once((roots_.proc + "/cpuinfo").c_str(), shared_.buffer()))
      cores_ = procfs::count_cores(*text);
  }

  // The siblings of a core all show the same list. 0 where sysfs does not have it for each.
  std::uint64_t count_cores(const std::vector<std::uint32_t>& cpus, const GatherContext& context) const {
    std::vector<std::string> cores;
    for (const std::uint32_t cpu : cpus) {
      const std::string path =
          roots_.sys + "/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list";
      const auto text = read_once(path.c_str(), shared_.buffer());
      if (!text) return 0;
      std::string_view list;
      procfs::Lines(*text).next(list);
      if (list.empty() || list.find_first_not_of("0123456789,-") != std::string_view::npos) {
        context.skipped(path, "not a list of CPUs", list);
        return 0;
      }
      cores.emplace_back(list);
    }
    std::sort(cores.begin(), cores.end());
    return static_cast<std::uint64_t>(std::unique(cores.begin(), cores.end()) - cores.begin());
  }

  Roots roots_;
  Shared& shared_;
  RowSchema load_;
  RowSchema uptime_;
  RowSchema uptime_format_;
  PinnedFile loadavg_file_;
  PinnedFile uptime_file_;
  std::string utmp_paths_[2];
  std::vector<std::string_view> users_;
  bool users_missing_ = false;
  bool users_known_ = false;
  std::chrono::steady_clock::time_point users_missing_at_;
  std::size_t n_users_ = 0;
  std::size_t n_unique_users_ = 0;
  std::size_t cores_of_cpus_ = 0;
  std::uint64_t cores_ = 0;
  std::chrono::steady_clock::time_point cores_at_;
};

}  // namespace

std::unique_ptr<Collector> make_system(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                       Shared& shared) {
  return std::make_unique<System>(roots, schemas, shared);
}

}  // namespace resmon::collect
