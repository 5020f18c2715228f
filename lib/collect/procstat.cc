// CPU, memory and I/O by process, from the /proc/PID/stat files that another collector reads, too.
//
// All processes are counted; those of one name, user, and service or container are one group, and the groups that
// matter have rows (process_groups.h). The rest is one row, `other`, and its CPU is what remains of the machine's own
// total, so that the rows always sum to what the machine used. The kernel counts processes by the nanosecond and the
// machine by the tick, so over a short time the rows can come to more than the total: what is too much is taken off
// from the next `other`. More than two ticks a CPU is not rounding: it is taken from the time of ended children, which
// is the only time that could be counted twice (process_accounts.h).
//
// A process's other files cost ten times as much, so they are read only where they matter. User and cgroup are read for
// processes that used CPU or are large, and again each minute while they do, or at once after a change of name. I/O is
// read only for processes that used CPU since the last time, because I/O needs CPU.
//
// What the kernel does not know is not stored. CPU time is counted in ticks, so a value is a whole number of ticks a
// gather, where a gather is as long as the rows' times say: the few milliseconds by which it came late would only turn
// equal values into different ones. What rounding leaves is in the next `other`. Resident memory has eight significant
// bits, and bytes read and written are counted in whole steps of 64 KiB; what is left of a step counts later. Rejected:
// rounding CPU to significant digits as well, which saves 3 %, since most values are small; rounding what was read and
// written since the last gather to significant bits, which takes more room than exact counters.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <functional>
#include <utility>

#include "base/directory.h"
#include "base/file.h"
#include "collect/collectors.h"
#include "collect/command_line.h"
#include "collect/process_accounts.h"
#include "collect/process_groups.h"
#include "collect/process_identity.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

using Account = ProcessAccounts::Account;
using Process = ProcessTable::Process;

constexpr std::size_t kIdentitiesAGather = 256;
constexpr std::size_t kIoReadsAGather = 32;
constexpr std::size_t kMostIoBytes = 64U << 10U;
constexpr std::uint64_t kLargeBytes = 4U << 20U;
constexpr std::uint32_t kIdentityAgainSeconds = 60;
// Of a gather, for each CPU: what the processes may have more than the machine counted.
constexpr double kRoundingTicks = 2;

enum ProcstatField : std::size_t {
  kCpuUsage,
  kMemoryRss,
  kDiskReadBytes,
  kDiskWriteBytes,
  kPid,
  kNumThreads,
  kMinorFaults,
  kMajorFaults,
  kNumFds,
  kProcessState,
  kCommandLine,
  kMergedGroups = kPid  // of the row `other`
};
constexpr FieldSpec kProcstatFields[] = {
    {"cpu_usage", kFloat}, {"memory_rss", kInteger},  {"disk_read_bytes", kInteger}, {"disk_write_bytes", kInteger},
    {"pid", kInteger},     {"num_threads", kInteger}, {"minor_faults", kInteger},    {"major_faults", kInteger},
    {"num_fds", kInteger}, {"state", kString},        {"cmdline", kString},
};
constexpr FieldSpec kOtherFields[] = {{"cpu_usage", kFloat},
                                      {"memory_rss", kInteger},
                                      {"disk_read_bytes", kInteger},
                                      {"disk_write_bytes", kInteger},
                                      {"merged_groups", kInteger}};

// A kernel thread's name without its number and what follows: "kworker/0:1-events" is kworker.
std::string_view group_name(const Process& process, bool kernel_thread) {
  const std::string_view name = process.name();
  if (!kernel_thread) return name;
  std::string_view beginning = name.substr(0, name.find_first_of("/:0123456789"));
  while (!beginning.empty() && (beginning.back() == '.' || beginning.back() == '-' || beginning.back() == '_'))
    beginning.remove_suffix(1);
  return beginning.empty() ? name : beginning;
}

// With eight significant bits, in steps of 64 KiB at least.
std::uint64_t coarse(std::uint64_t bytes) {
  constexpr int kBits = 8;
  constexpr int kLeastStep = 16;
  const int step = std::max(static_cast<int>(std::bit_width(bytes)) - kBits, kLeastStep);
  return (bytes + (std::uint64_t{1} << step >> 1)) >> step << step;
}

// As far as it is whole steps: never more than was counted, and never falling.
std::uint64_t whole_steps(std::uint64_t bytes) {
  constexpr std::uint64_t kStep = 64U << 10U;
  return bytes / kStep * kStep;
}

std::uint64_t hash_of_name(std::string_view name) {
  return std::hash<std::string_view>{}(name) | 1U;
}

class Procstat final : public Collector {
 public:
  Procstat(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : proc_(roots.proc),
        filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        identities_(roots, shared.container_names()),
        other_(schemas, "procstat", {{"process_name", "other"}}, kOtherFields),
        ticks_a_second_(static_cast<double>(std::max(::sysconf(_SC_CLK_TCK), 1L))),
        page_bytes_(static_cast<std::uint64_t>(std::max(::sysconf(_SC_PAGESIZE), 1L))),
        command_lines_(options.command_lines) {
    shared.process_table().want_usage();
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(other_.ready());
    Status some;
    RESMON_ASSIGN(const auto processes, shared_.processes(context, some));
    const double seconds = std::chrono::duration<double>(context.steady - last_).count();
    const bool first = last_ == std::chrono::steady_clock::time_point();
    last_ = context.steady;
    const double row_seconds = static_cast<double>(context.time - std::exchange(last_time_, context.time)) / 1e9;
    const procfs::Number machine = machine_ticks(context);
    const double most = std::max(seconds, 0.0) * ticks_a_second_ * cpus_ + 2;
    accounts_.update(processes, first ? 0 : static_cast<std::uint64_t>(std::min(most, 1e15)));
    if (machine) accounts_.limit(*machine + static_cast<std::uint64_t>(kRoundingTicks * cpus_));
    groups_.begin_gather();
    identify(processes, context);
    read_io(context);
    sum(processes);
    if (first || seconds <= 0) return some;
    groups_.choose(seconds, context.time);
    // The clock was set, or gathers are missing.
    const bool odd = row_seconds < seconds / 2 || row_seconds > seconds * 2;
    RESMON_TRY(write(machine, {.passed = seconds, .rows = odd ? seconds : row_seconds}, context, out));
    return some;
  }

 private:
  // Seconds since the gather before: by the clock that is never set, and by the rows' times.
  struct Span {
    double passed = 0;
    double rows = 0;
    double scale() const { return rows / passed; }
  };

  // Ticks that all CPUs together worked since the gather before; empty where that cannot be told.
  procfs::Number machine_ticks(const GatherContext& context) {
    const auto stat = shared_.stat(context);
    if (!stat || !(*stat)->total) {
      machine_before_.reset();
      return {};
    }
    const procfs::CpuTimes& times = *(*stat)->total;
    if (!(*stat)->cpus.empty()) cpus_ = static_cast<double>((*stat)->cpus.size());
    const std::uint64_t now = times.user + times.nice + times.system + times.irq + times.softirq;
    const procfs::Number before = std::exchange(machine_before_, now);
    if (!before || now < *before) return {};
    return now - *before;
  }

  void identify(std::span<const Process> processes, const GatherContext& context) {
    const auto second = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(context.steady.time_since_epoch()).count());
    std::size_t left = kIdentitiesAGather;
    const std::span<Account> accounts = accounts_.accounts();
    for (std::size_t i = 0; i < accounts.size() && left != 0; ++i) {
      Account& account = accounts[i];
      const Process& process = processes[i];
      const bool worked = account.used_ticks != 0 || account.children_used != 0;
      if (account.group == ProcessAccounts::kNoGroup) {
        if (!worked && process.usage.resident_pages.value_or(0) * page_bytes_ < kLargeBytes) continue;
      } else if (account.name_hash == hash_of_name(process.name()) &&
                 (!worked || second - account.resolved_second < kIdentityAgainSeconds)) {
        continue;
      }
      --left;
      identify(account, process, second, context);
    }
  }

  void identify(Account& account, const Process& process, std::uint32_t second, const GatherContext& context) {
    const bool kernel_thread = (process.usage.flags.value_or(0) & procfs::kKernelThread) != 0;
    ProcessIdentity identity;
    if (kernel_thread)
      identity.user = "root";
    else if (!identities_.read(process.id, context, identity))
      return;
    const std::string_view name = group_name(process, kernel_thread);
    if (!procfs::is_name(name)) return;
    const std::uint64_t name_hash = hash_of_name(process.name());
    if (account.name_hash != name_hash) account.io_denied = kernel_thread;
    account.name_hash = name_hash;
    account.resolved_second = second;
    account.group = groups_.find(name, identity);
    if (account.group != ProcessGroups::kNone && groups_[account.group].members == 0)
      groups_[account.group].wanted = filter_.matches(name);
  }

  // In turn, so that with very many that work each is read now and then.
  void read_io(const GatherContext& context) {
    const std::span<Account> accounts = accounts_.accounts();
    std::size_t left = kIoReadsAGather;
    const std::size_t size = accounts.size();
    if (io_next_ >= size) io_next_ = 0;
    const std::size_t begin = io_next_;
    for (std::size_t i = 0; i < size && left != 0; ++i) {
      const std::size_t at = begin + i < size ? begin + i : begin + i - size;
      Account& account = accounts[at];
      if (account.group == ProcessAccounts::kNoGroup || account.io_denied) continue;
      if (account.io_known && account.ticks_at_io == account.own_ticks) continue;
      --left;
      io_next_ = at + 1;
      read_io(account, context);
    }
  }

  void read_io(Account& account, const GatherContext& context) {
    char path[512];
    const int length = std::snprintf(path, sizeof path, "%s/%u/io", proc_.c_str(), account.id);
    if (length < 0 || static_cast<std::size_t>(length) >= sizeof path) return;
    const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
    ReadBuffer& buffer = shared_.buffer();
    std::size_t size = 0;
    ssize_t got = file.valid() ? 1 : -1;
    while (got > 0 && size < kMostIoBytes) {
      if (size == buffer.size()) buffer.grow();
      got = ::read(file.get(), buffer.data() + size, buffer.size() - size);
      if (got > 0) size += static_cast<std::size_t>(got);
    }
    if (got < 0) {
      const bool denied = errno == EACCES || errno == EPERM;
      if (denied)
        context.tell("io",
                     "the disk use of other users' processes cannot be read without CAP_SYS_PTRACE: it is absent");
      account.io_denied = denied || errno == ENOENT;
      return;
    }
    procfs::PidIo io;
    procfs::Skipped skipped;
    (void)procfs::parse_pid_io({buffer.data(), size}, io, skipped);
    if (skipped.lines() != 0) context.skipped(path, skipped, "/proc/PID/io");
    if (!io.read_bytes || !io.written_bytes) return;
    account.ticks_at_io = account.own_ticks;
    if (account.group != ProcessGroups::kNone) {
      ProcessGroup& group = groups_[account.group];
      group.io_known = true;
      if (account.io_known || account.seen_from_start) {
        group.new_read_bytes += advance(*io.read_bytes, account.read_bytes);
        group.new_written_bytes += advance(*io.written_bytes, account.written_bytes);
      }
    }
    account.io_known = true;
    account.read_bytes = *io.read_bytes;
    account.written_bytes = *io.written_bytes;
  }

  void sum(std::span<const Process> processes) {
    all_pages_ = all_ticks_ = 0;
    const std::span<const Account> accounts = accounts_.accounts();
    for (std::size_t i = 0; i < accounts.size(); ++i) {
      const Account& account = accounts[i];
      const std::uint64_t ticks = account.used_ticks + account.children_used;
      const std::uint64_t pages = processes[i].usage.resident_pages.value_or(0);
      all_pages_ += pages;
      all_ticks_ += ticks;
      if (account.group == ProcessGroups::kNone) continue;
      ProcessGroup& group = groups_[account.group];
      ++group.members;
      group.ticks += ticks;
      group.pages += pages;
      group.threads += processes[i].threads;
      group.minor_faults += account.new_minor_faults;
      group.major_faults += account.new_major_faults;
      if (group.leader != 0 &&
          (ticks < group.leader_ticks || (ticks == group.leader_ticks && pages <= group.leader_pages)))
        continue;
      group.leader = account.id;
      group.leader_state = processes[i].state;
      group.leader_ticks = ticks;
      group.leader_pages = pages;
    }
  }

  Status write(procfs::Number machine, Span span, const GatherContext& context, metric::Batch& out) {
    double ticks = 0;
    std::uint64_t pages = 0;
    bool io_known = false;
    for (std::uint32_t i = 0; i < groups_.size(); ++i) {
      ProcessGroup& group = groups_[i];
      io_known = io_known || group.io_known;
      // A byte counts in one row: in the group's while that has these fields.
      (group.with_io ? group.read_bytes : other_read_bytes_) += group.new_read_bytes;
      (group.with_io ? group.written_bytes : other_written_bytes_) += group.new_written_bytes;
      if (!group.shown) continue;
      if (!group.schema) group.schema.emplace(schemas_, "procstat", tags_of(group), kProcstatFields);
      RESMON_TRY(group.schema->ready());
      const double its = std::round(static_cast<double>(group.ticks) * span.scale());
      ticks += its;
      pages += group.pages;
      write(group, percent(its, span.rows * ticks_a_second_), context, out);
    }
    // Without the machine's total, the rest of what the processes say.
    const double whole = static_cast<double>(machine.value_or(all_ticks_)) * span.scale();
    balance_ticks_ = std::max(balance_ticks_ + whole - ticks, -ticks_a_second_ * cpus_);
    const double rest = std::max(std::round(balance_ticks_), 0.0);
    balance_ticks_ -= rest;
    metric::RowWriter row = other_.add(out, context.time);
    row.set(kCpuUsage, percent(rest, span.rows * ticks_a_second_));
    row.set(kMemoryRss, clip(coarse((all_pages_ - pages) * page_bytes_)));
    if (io_known) {
      row.set(kDiskReadBytes, clip(whole_steps(other_read_bytes_)));
      row.set(kDiskWriteBytes, clip(whole_steps(other_written_bytes_)));
    }
    if (groups_.merged() != 0) row.set(kMergedGroups, clip(groups_.merged()));
    return {};
  }

  void write(const ProcessGroup& group, double cpu_percent, const GatherContext& context, metric::Batch& out) const {
    metric::RowWriter row = group.schema->add(out, context.time);
    row.set(kCpuUsage, cpu_percent);
    row.set(kMemoryRss, clip(coarse(group.pages * page_bytes_)));
    if (group.with_io) {
      row.set(kDiskReadBytes, clip(whole_steps(group.read_bytes)));
      row.set(kDiskWriteBytes, clip(whole_steps(group.written_bytes)));
    }
    if (!group.with_details) return;
    if (group.leader != 0) row.set(kPid, clip(group.leader));
    row.set(kNumThreads, clip(group.threads));
    row.set(kMinorFaults, clip(group.minor_faults));
    row.set(kMajorFaults, clip(group.major_faults));
    if (group.leader != 0) write_leader(group, row);
  }

  // What is looked at of one process only.
  void write_leader(const ProcessGroup& group, metric::RowWriter& row) const {
    if (group.leader_state != '?') row.set(kProcessState, std::string_view(&group.leader_state, 1));
    char path[512];
    const auto file = [&](const char* name) {
      const int length = std::snprintf(path, sizeof path, "%s/%u/%s", proc_.c_str(), group.leader, name);
      return length > 0 && static_cast<std::size_t>(length) < sizeof path;
    };
    if (file("fd")) {
      // Only its owner and root may look, as with I/O.
      if (Directory directory(path); directory.valid()) {
        std::int64_t count = 0;
        while (directory.next()) ++count;
        row.set(kNumFds, count);
      }
    }
    if (!command_lines_ || !file("cmdline")) return;
    if (const auto text = read_once(path, shared_.buffer())) {
      if (const std::string line = command_line(*text); !line.empty()) row.set(kCommandLine, std::string_view(line));
    }
  }

  static std::vector<metric::Tag> tags_of(const ProcessGroup& group) {
    return {{"process_name", group.name},
            {"user", group.user},
            {"systemd_unit", group.service},
            {"container_name", group.container}};
  }

  std::string proc_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  ProcessAccounts accounts_;
  ProcessGroups groups_;
  ProcessIdentities identities_;
  RowSchema other_;
  const double ticks_a_second_;
  const std::uint64_t page_bytes_;
  const bool command_lines_;
  double cpus_ = 1;
  procfs::Number machine_before_;
  std::chrono::steady_clock::time_point last_;
  UnixNanos last_time_ = 0;
  double balance_ticks_ = 0;  // what the rows are short of the machine's total; negative: have had too much
  std::uint64_t all_ticks_ = 0;
  std::uint64_t all_pages_ = 0;
  std::uint64_t other_read_bytes_ = 0;
  std::uint64_t other_written_bytes_ = 0;
  std::size_t io_next_ = 0;
};

}  // namespace

std::unique_ptr<Collector> make_procstat(const Roots& roots, const CollectorOptions& options,
                                         metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Procstat>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
