// Containers and services: CPU, memory, I/O, tasks, pressure and OOM kills, from their control groups. Everybody may
// read these files. Neither systemd nor Docker's daemon is asked; the daemon's statistics cost it a percent of a core
// for each container.
//
// A cgroup has a dozen files, and reading memory.stat makes the kernel add up its counters of all CPUs. So files that
// change quickly are read at each gather, the others at every fourth, and limits and peaks at every twelfth, each
// cgroup in its turn. Up to `kKeptFiles` files that are read each time stay open. A hundred containers cost 2 to 4 ms a
// gather.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/file.h"
#include "collect/cgroup_tree.h"
#include "collect/collectors.h"
#include "collect/container_net.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/cgroup_files.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

using procfs::Number;

constexpr std::size_t kKeptFiles = 320;
constexpr std::uint64_t kSlowEvery = 4;  // gathers
constexpr std::uint64_t kRareEvery = 3 * kSlowEvery;
constexpr std::uint64_t kNoLimit = 1ULL << 62U;  // version 1 writes a number near 2^63 for none

// The files that are read at each gather and kept open.
enum FastFile : std::size_t { kCpu, kMemory, kIo, kFastFiles };

// The figures of a cgroup. A missing figure is empty; the slow ones keep their last values.
struct Figures {
  Number cpu_ns, user_ns, system_ns, periods, throttled_periods, throttled_ns;
  Number memory_bytes, memory_limit_bytes, memory_peak_bytes, inactive_file_bytes, anonymous_bytes, oom_kills;
  Number tasks;
  procfs::CgroupIo io;
  Number cpu_some_us, memory_some_us, memory_full_us, io_some_us, io_full_us;
};

constexpr FieldSpec kContainerCpu[] = {{"usage_percent", kFloat},
                                       {"usage_total", kInteger},
                                       {"usage_in_usermode", kInteger},
                                       {"usage_in_kernelmode", kInteger},
                                       {"throttling_periods", kInteger},
                                       {"throttling_throttled_periods", kInteger},
                                       {"throttling_throttled_time", kInteger},
                                       {"tasks", kInteger}};
constexpr FieldSpec kContainerMemory[] = {
    {"usage", kInteger}, {"usage_percent", kFloat},   {"limit", kInteger},    {"max_usage", kInteger},
    {"anon", kInteger},  {"inactive_file", kInteger}, {"oom_kills", kInteger}};
constexpr FieldSpec kContainerIo[] = {{"io_service_bytes_recursive_read", kInteger},
                                      {"io_service_bytes_recursive_write", kInteger},
                                      {"io_serviced_recursive_read", kInteger},
                                      {"io_serviced_recursive_write", kInteger}};
constexpr FieldSpec kService[] = {{"cpu_usage", kFloat},        {"cpu_time", kInteger},  {"mem_current", kInteger},
                                  {"mem_peak", kInteger},       {"mem_limit", kInteger}, {"io_read_bytes", kInteger},
                                  {"io_write_bytes", kInteger}, {"tasks", kInteger},     {"oom_kills", kInteger}};
constexpr FieldSpec kCgroupPressure[] = {{"cpu_some", kInteger},
                                         {"memory_some", kInteger},
                                         {"memory_full", kInteger},
                                         {"io_some", kInteger},
                                         {"io_full", kInteger}};

struct Cgroup {
  CgroupEntry entry;
  std::array<Fd, kFastFiles> files;
  Figures figures;
  Number cpu_before;
  std::chrono::steady_clock::time_point before;
  std::optional<RowSchema> cpu;  // of a service: all but its pressure
  std::optional<RowSchema> memory;
  std::optional<RowSchema> io;
  std::optional<RowSchema> pressure;
};

Number times(Number value, std::uint64_t factor) {
  if (value) value = *value > UINT64_MAX / factor ? UINT64_MAX : *value * factor;
  return value;
}

class Cgroups final : public Collector {
 public:
  Cgroups(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        tree_(roots, shared.container_names()),
        net_(roots, schemas, shared.buffer()) {
    const long ticks = ::sysconf(_SC_CLK_TCK);
    tick_ns_ = 1'000'000'000U / static_cast<std::uint64_t>(std::max(ticks, 1L));
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (!tree_.exists()) return {};
    if (tree_.refresh(context)) rebuild();
    memory_total_.reset();
    if (const auto memory = shared_.mem_info(context)) memory_total_ = (*memory)->total;
    ++gathers_;
    Status status;
    for (std::size_t i = 0; i < cgroups_.size(); ++i) {
      Cgroup& cgroup = cgroups_[i];
      const std::uint64_t turn = gathers_ + i;
      const bool first = !cgroup.pressure;
      const bool slow = first || turn % kSlowEvery == 0;
      if (!read(cgroup, slow, first || turn % kRareEvery == 0, context)) {
        tree_.look_again();
        continue;
      }
      Status written = write(cgroup, context, out);
      if (written && slow && cgroup.entry.container)
        written = net_.write(tree_.root(), cgroup.entry.path, cgroup.entry.name, context, out);
      if (!written) status = std::move(written);
    }
    return status;
  }

 private:
  // Takes over the cgroups that are still there, with their files.
  void rebuild() {
    std::vector<Cgroup> next;
    for (const CgroupEntry& entry : tree_.entries()) {
      if (!filter_.matches(entry.name)) continue;
      const auto known = std::find_if(cgroups_.begin(), cgroups_.end(), [&](const Cgroup& one) {
        return one.entry.path == entry.path && one.entry.name == entry.name;
      });
      if (known != cgroups_.end()) {
        next.push_back(std::move(*known));
        cgroups_.erase(known);
      } else {
        next.emplace_back().entry = entry;
      }
    }
    cgroups_ = std::move(next);
    net_.keep([&](const std::string& name) {
      return std::any_of(cgroups_.begin(), cgroups_.end(), [&](const Cgroup& one) { return one.entry.name == name; });
    });
    kept_ = 0;
    for (const Cgroup& cgroup : cgroups_)
      for (const Fd& file : cgroup.files) kept_ += file.valid() ? 1U : 0U;
  }

  // False when it is gone.
  bool read(Cgroup& cgroup, bool slow, bool rare, const GatherContext& context) {
    return tree_.version_2() ? read_version_2(cgroup, slow, rare, context)
                             : read_version_1(cgroup, slow, rare, context);
  }

  bool read_version_2(Cgroup& cgroup, bool slow, bool rare, const GatherContext& context) {
    Figures& f = cgroup.figures;
    Number cpu_us, user_us, system_us, throttled_us;
    const procfs::Keyed cpu[] = {{"usage_usec", &cpu_us},
                                 {"user_usec", &user_us},
                                 {"system_usec", &system_us},
                                 {"nr_periods", &f.periods},
                                 {"nr_throttled", &f.throttled_periods},
                                 {"throttled_usec", &throttled_us}};
    if (!keyed(cgroup, kCpu, "", "cpu.stat", cpu, context)) return false;
    f.cpu_ns = times(cpu_us, 1000);
    f.user_ns = times(user_us, 1000);
    f.system_ns = times(system_us, 1000);
    f.throttled_ns = times(throttled_us, 1000);
    number(cgroup, kMemory, "", "memory.current", f.memory_bytes, context);
    f.io = {};
    parse(cgroup, kIo, "", "io.stat", context,
          [&](std::string_view text, procfs::Skipped& skipped) { return procfs::parse_io_stat(text, f.io, skipped); });
    if (!slow) return true;
    const procfs::Keyed memory[] = {{"anon", &f.anonymous_bytes}, {"inactive_file", &f.inactive_file_bytes}};
    keyed(cgroup, kFastFiles, "", "memory.stat", memory, context);
    const procfs::Keyed events[] = {{"oom_kill", &f.oom_kills}};
    keyed(cgroup, kFastFiles, "", "memory.events", events, context);
    number(cgroup, kFastFiles, "", "pids.current", f.tasks, context);
    Number none;
    pressure(cgroup, "cpu.pressure", f.cpu_some_us, none, context);
    pressure(cgroup, "memory.pressure", f.memory_some_us, f.memory_full_us, context);
    pressure(cgroup, "io.pressure", f.io_some_us, f.io_full_us, context);
    if (!rare) return true;
    number(cgroup, kFastFiles, "", "memory.peak", f.memory_peak_bytes, context);
    number(cgroup, kFastFiles, "", "memory.max", f.memory_limit_bytes, context);
    return true;
  }

  bool read_version_1(Cgroup& cgroup, bool slow, bool rare, const GatherContext& context) {
    Figures& f = cgroup.figures;
    const bool has_cpu = number(cgroup, kCpu, "/cpuacct", "cpuacct.usage", f.cpu_ns, context);
    const bool has_memory = number(cgroup, kMemory, "/memory", "memory.usage_in_bytes", f.memory_bytes, context);
    if (!has_cpu && !has_memory) return false;
    f.io = {};
    parse(cgroup, kIo, "/blkio", "blkio.throttle.io_service_bytes_recursive", context,
          [&](std::string_view text, procfs::Skipped& skipped) { return procfs::parse_blkio(text, f.io, skipped); });
    if (!slow) return true;
    Number user_ticks, system_ticks;
    const procfs::Keyed cpu[] = {{"user", &user_ticks}, {"system", &system_ticks}};
    if (keyed(cgroup, kFastFiles, "/cpuacct", "cpuacct.stat", cpu, context)) {
      f.user_ns = times(user_ticks, tick_ns_);
      f.system_ns = times(system_ticks, tick_ns_);
    }
    const procfs::Keyed throttling[] = {
        {"nr_periods", &f.periods}, {"nr_throttled", &f.throttled_periods}, {"throttled_time", &f.throttled_ns}};
    keyed(cgroup, kFastFiles, "/cpu", "cpu.stat", throttling, context);
    const procfs::Keyed memory[] = {{"total_rss", &f.anonymous_bytes}, {"total_inactive_file", &f.inactive_file_bytes}};
    keyed(cgroup, kFastFiles, "/memory", "memory.stat", memory, context);
    const procfs::Keyed oom[] = {{"oom_kill", &f.oom_kills}};
    keyed(cgroup, kFastFiles, "/memory", "memory.oom_control", oom, context);
    number(cgroup, kFastFiles, "/pids", "pids.current", f.tasks, context);
    if (!rare) return true;
    number(cgroup, kFastFiles, "/memory", "memory.max_usage_in_bytes", f.memory_peak_bytes, context);
    if (number(cgroup, kFastFiles, "/memory", "memory.limit_in_bytes", f.memory_limit_bytes, context) &&
        f.memory_limit_bytes.value_or(0) >= kNoLimit)
      f.memory_limit_bytes.reset();
    return true;
  }

  // A cgroup's file, which stays open where it is one of the fast ones. Not there: `parse` is not called, and the
  // answer is false. What cannot be parsed is counted as skipped.
  template <class Parse>
  bool parse(Cgroup& cgroup, std::size_t fast, const char* hierarchy, const char* file, const GatherContext& context,
             Parse parser) {
    Fd opened;
    Fd* kept = fast == kFastFiles ? nullptr : &cgroup.files[fast];
    if (kept == nullptr || !kept->valid()) {
      char path[1024];
      const int length = std::snprintf(path, sizeof path, "%s%s%s/%s", tree_.folder().c_str(), hierarchy,
                                       cgroup.entry.path.c_str(), file);
      if (length < 0 || static_cast<std::size_t>(length) >= sizeof path) return false;
      opened = Fd(::open(path, O_RDONLY | O_CLOEXEC));
    }
    const int fd = opened.valid() ? opened.get() : kept != nullptr ? kept->get() : -1;
    if (fd < 0) return false;
    const ssize_t got = ::pread(fd, text_.data(), text_.size(), 0);
    if (got < 0) {
      if (kept != nullptr && kept->valid()) {
        kept->reset();
        --kept_;
      }
      return false;
    }
    if (kept != nullptr && opened.valid() && kept_ < kKeptFiles) {
      *kept = std::move(opened);
      ++kept_;
    }
    procfs::Skipped skipped;
    const bool useful = parser({text_.data(), static_cast<std::size_t>(got)}, skipped).has_value();
    if (skipped.lines() != 0)
      context.skipped(tree_.folder() + hierarchy + cgroup.entry.path + "/" + file, skipped, file);
    return useful;
  }
  bool keyed(Cgroup& cgroup, std::size_t fast, const char* hierarchy, const char* file,
             std::span<const procfs::Keyed> wanted, const GatherContext& context) {
    for (const procfs::Keyed& one : wanted) one.value->reset();
    return parse(cgroup, fast, hierarchy, file, context, [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_keyed(text, wanted, skipped);
    });
  }
  bool number(Cgroup& cgroup, std::size_t fast, const char* hierarchy, const char* file, Number& out,
              const GatherContext& context) {
    out.reset();
    return parse(cgroup, fast, hierarchy, file, context, [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_limit(text, out, skipped);
    });
  }
  void pressure(Cgroup& cgroup, const char* file, Number& some, Number& full, const GatherContext& context) {
    procfs::PressureFile both;
    parse(cgroup, kFastFiles, "", file, context,
          [&](std::string_view text, procfs::Skipped& skipped) { return procfs::parse_pressure(text, both, skipped); });
    some = both.some ? both.some->total_microseconds : Number();
    full = both.full ? both.full->total_microseconds : Number();
  }

  Status write(Cgroup& cgroup, const GatherContext& context, metric::Batch& out) {
    const Figures& f = cgroup.figures;
    std::optional<double> cpu_percent;
    const double ns = std::chrono::duration<double, std::nano>(context.steady - cgroup.before).count();
    if (f.cpu_ns && cgroup.cpu_before && ns > 0)
      cpu_percent = percent(static_cast<double>(advance(*f.cpu_ns, *cgroup.cpu_before)), ns);
    cgroup.cpu_before = f.cpu_ns;
    cgroup.before = context.steady;
    make_schemas(cgroup);
    RESMON_TRY(cgroup.cpu->ready());
    RESMON_TRY(cgroup.pressure->ready());
    if (cgroup.entry.container) {
      RESMON_TRY(cgroup.memory->ready());
      RESMON_TRY(cgroup.io->ready());
      write_container(cgroup, cpu_percent, context.time, out);
    } else {
      metric::RowWriter row = cgroup.cpu->add(out, context.time);
      const Number values[] = {
          f.cpu_ns,           f.memory_bytes, f.memory_peak_bytes, f.memory_limit_bytes, f.io.read_bytes,
          f.io.written_bytes, f.tasks,        f.oom_kills};
      set(row, 0, cpu_percent);
      for (std::size_t field = 0; field < std::size(values); ++field) set(row, field + 1, values[field]);
    }
    const Number waits[] = {f.cpu_some_us, f.memory_some_us, f.memory_full_us, f.io_some_us, f.io_full_us};
    if (std::none_of(std::begin(waits), std::end(waits), [](Number wait) { return wait.has_value(); })) return {};
    metric::RowWriter row = cgroup.pressure->add(out, context.time);
    for (std::size_t field = 0; field < std::size(waits); ++field) set(row, field, waits[field]);
    return {};
  }

  void write_container(const Cgroup& cgroup, std::optional<double> cpu_percent, UnixNanos time,
                       metric::Batch& out) const {
    const Figures& f = cgroup.figures;
    metric::RowWriter cpu = cgroup.cpu->add(out, time);
    const Number cpu_values[] = {f.cpu_ns,       f.user_ns, f.system_ns, f.periods, f.throttled_periods,
                                 f.throttled_ns, f.tasks};
    set(cpu, 0, cpu_percent);
    for (std::size_t field = 0; field < std::size(cpu_values); ++field) set(cpu, field + 1, cpu_values[field]);
    if (f.memory_bytes) {
      metric::RowWriter memory = cgroup.memory->add(out, time);
      // As docker has it: without the pages of files that could be dropped at once.
      const std::uint64_t usage = *f.memory_bytes - std::min(*f.memory_bytes, f.inactive_file_bytes.value_or(0));
      const Number limit = f.memory_limit_bytes ? f.memory_limit_bytes : memory_total_;
      memory.set(0, clip(usage));
      if (limit) memory.set(1, percent(usage, *limit));
      set(memory, 2, limit);
      set(memory, 3, f.memory_peak_bytes);
      set(memory, 4, f.anonymous_bytes);
      set(memory, 5, f.inactive_file_bytes);
      set(memory, 6, f.oom_kills);
    }
    if (!f.io.read_bytes && !f.io.written_bytes) return;
    metric::RowWriter io = cgroup.io->add(out, time);
    const Number io_values[] = {f.io.read_bytes, f.io.written_bytes, f.io.reads, f.io.writes};
    for (std::size_t field = 0; field < std::size(io_values); ++field) set(io, field, io_values[field]);
  }

  void make_schemas(Cgroup& cgroup) {
    if (cgroup.pressure) return;
    const std::string& name = cgroup.entry.name;
    if (!cgroup.entry.container) {
      cgroup.cpu.emplace(schemas_, "systemd_units", std::vector<metric::Tag>{{"name", name}}, kService);
      cgroup.pressure.emplace(schemas_, "cgroup_pressure", std::vector<metric::Tag>{{"systemd_unit", name}},
                              kCgroupPressure);
      return;
    }
    const metric::Tag tag{"container_name", name};
    cgroup.cpu.emplace(schemas_, "docker_container_cpu", std::vector<metric::Tag>{tag, {"cpu", "cpu-total"}},
                       kContainerCpu);
    cgroup.memory.emplace(schemas_, "docker_container_mem", std::vector<metric::Tag>{tag}, kContainerMemory);
    cgroup.io.emplace(schemas_, "docker_container_blkio", std::vector<metric::Tag>{tag, {"device", "total"}},
                      kContainerIo);
    cgroup.pressure.emplace(schemas_, "cgroup_pressure", std::vector<metric::Tag>{tag}, kCgroupPressure);
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  CgroupTree tree_;
  ContainerNet net_;
  std::vector<Cgroup> cgroups_;
  std::array<char, 8192> text_;
  std::uint64_t tick_ns_ = 0;
  std::uint64_t gathers_ = 0;
  std::size_t kept_ = 0;
  Number memory_total_;
};

}  // namespace

std::unique_ptr<Collector> make_cgroups(const Roots& roots, const CollectorOptions& options,
                                        metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Cgroups>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
