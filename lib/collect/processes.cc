// Processes by state, from /proc/PID/stat of every process.
//
// Nearly all of the cost is the kernel's, and two things lower it. The files stay open between gathers, which saves
// each one's path walk, open and close (43 % of a scan measured); how many is bounded by half of RLIMIT_NOFILE, and
// what is above the bound is opened and closed each time. And /proc is listed only when a process or thread was forked
// since it was listed last, which the counter `processes` of /proc/stat tells: on a quiet machine the whole directory
// walk goes away. The counter is read before the listing, and the kernel raises it after the new process can be seen,
// so a fork in between is at worst listed twice.
//
// An open file belongs to one process: when that is gone, reading gives ESRCH even if its number lives on as another's.

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/pid_stat.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostKeptFiles = 4096;
constexpr std::size_t kFilesLeftToOthers = 128;

enum ProcessField : std::size_t {
  kRunning,
  kSleeping,
  kBlocked,
  kStopped,
  kZombies,
  kDead,
  kIdle,
  kPaging,
  kUnknown,
  kTotal,
  kTotalThreads,
  kParked,
  kProcessFields
};
constexpr FieldSpec kFields[] = {
    {"running", kInteger}, {"sleeping", kInteger}, {"blocked", kInteger},       {"stopped", kInteger},
    {"zombies", kInteger}, {"dead", kInteger},     {"idle", kInteger},          {"paging", kInteger},
    {"unknown", kInteger}, {"total", kInteger},    {"total_threads", kInteger}, {"parked", kInteger},
};

ProcessField field_of(char state) {
  switch (state) {
    case 'R':
      return kRunning;
    case 'S':
      return kSleeping;
    case 'D':
      return kBlocked;
    case 'T':
    case 't':
      return kStopped;
    case 'Z':
      return kZombies;
    case 'X':
    case 'x':
      return kDead;
    case 'I':
      return kIdle;
    case 'W':
      return kPaging;
    case 'P':
      return kParked;
    default:
      return kUnknown;
  }
}

std::size_t files_to_keep() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const std::size_t most =
      limit.rlim_cur == RLIM_INFINITY ? kMostKeptFiles * 4 : static_cast<std::size_t>(limit.rlim_cur);
  return most <= kFilesLeftToOthers ? 0 : std::min(kMostKeptFiles, (most - kFilesLeftToOthers) / 2);
}

class Processes final : public Collector {
 public:
  Processes(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : proc_(roots.proc), shared_(shared), schema_(schemas, "processes", {}, kFields), most_kept_(files_to_keep()) {}

  ~Processes() override {
    if (directory_ != nullptr) ::closedir(directory_);
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    // Without the counter, each time.
    procfs::Number forks;
    if (auto stat = shared_.stat(context)) forks = (*stat)->processes_forked;
    if (directory_ == nullptr || !forks || forks != forks_listed_) {
      RESMON_TRY(list());
      forks_listed_ = forks;
    }
    std::uint64_t counts[kProcessFields] = {};
    std::size_t still_there = 0;
    Status status;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
      Process& process = processes_[i];
      if (!count(process, counts, context, status)) {
        forget(process);
        continue;
      }
      if (still_there != i) processes_[still_there] = std::move(process);
      ++still_there;
    }
    processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(still_there), processes_.end());

    if (processes_.empty() || processes_.front().id != 1)
      context.tell("hidepid",
                   "process 1 cannot be seen, so only this user's processes are counted: /proc is mounted "
                   "with hidepid; gid= of that mount option names a group that sees all");

    metric::RowWriter row = schema_.add(out, context.time);
    for (std::size_t field = 0; field < kParked; ++field) row.set(field, clip(counts[field]));
    if (counts[kParked] != 0) row.set(kParked, clip(counts[kParked]));
    return status;
  }

 private:
  struct Process {
    std::uint32_t id = 0;
    Fd file;  // invalid: not kept
  };

  // Brings processes_ up to date with the directory. Both are in ascending order, as the kernel lists them; a listing
  // that is not (a capture on a plain file system) is sorted.
  Status list() {
    if (directory_ == nullptr) {
      directory_ = ::opendir(proc_.c_str());
      if (directory_ == nullptr) return fail(system_error(proc_, errno));
    } else {
      ::rewinddir(directory_);
    }
    listed_.clear();
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(directory_);
      if (entry == nullptr) {
        if (errno == 0) break;
        const int error_number = errno;
        ::closedir(std::exchange(directory_, nullptr));
        return fail(system_error(proc_, error_number));
      }
      const char* name = entry->d_name;
      if (*name < '1' || *name > '9') continue;
      char* end = nullptr;
      const unsigned long id = std::strtoul(name, &end, 10);
      if (*end == '\0' && id <= UINT32_MAX) listed_.push_back(static_cast<std::uint32_t>(id));
    }
    if (!std::is_sorted(listed_.begin(), listed_.end())) std::sort(listed_.begin(), listed_.end());

    merged_.clear();
    std::size_t known = 0;
    for (const std::uint32_t id : listed_) {
      for (; known < processes_.size() && processes_[known].id < id; ++known) forget(processes_[known]);
      if (known < processes_.size() && processes_[known].id == id) {
        merged_.push_back(std::move(processes_[known++]));
      } else {
        merged_.push_back(Process{id, {}});
      }
    }
    for (; known < processes_.size(); ++known) forget(processes_[known]);
    processes_.swap(merged_);
    merged_.clear();
    return {};
  }

  void forget(Process& process) {
    if (!process.file.valid()) return;
    process.file.reset();
    --kept_;
  }

  // False when the process is gone.
  bool count(Process& process, std::uint64_t (&counts)[kProcessFields], const GatherContext& context, Status& status) {
    char text[1024];
    ssize_t got = -1;
    if (process.file.valid()) {
      got = ::pread(process.file.get(), text, sizeof text, 0);
      if (got < 0) forget(process);
    }
    if (got < 0) {
      char path[512];
      const int length = std::snprintf(path, sizeof path, "%s/%u/stat", proc_.c_str(), process.id);
      if (length < 0 || static_cast<std::size_t>(length) >= sizeof path) return false;
      Fd file(::open(path, O_RDONLY | O_CLOEXEC));
      if (!file.valid()) {
        if (errno != ENOENT && errno != ESRCH && errno != EACCES) status = fail(system_error(path, errno));
        return errno == EMFILE || errno == ENFILE;  // still there, only not to be read now
      }
      got = ::pread(file.get(), text, sizeof text, 0);
      if (got < 0) return false;
      if (kept_ < most_kept_) {
        process.file = std::move(file);
        ++kept_;
      }
    }
    procfs::PidStat stat;
    procfs::Skipped skipped;
    // A process that is there is one, whatever its line looks like: of unknown state then.
    (void)procfs::parse_pid_stat({text, static_cast<std::size_t>(got)}, stat, skipped);
    if (skipped.lines() != 0)
      context.skipped(proc_ + "/" + std::to_string(process.id) + "/stat", skipped, proc_ + "/PID/stat");
    ++counts[field_of(stat.state)];
    ++counts[kTotal];
    counts[kTotalThreads] += stat.threads;
    return true;
  }

  std::string proc_;
  Shared& shared_;
  RowSchema schema_;
  const std::size_t most_kept_;
  std::size_t kept_ = 0;
  DIR* directory_ = nullptr;
  procfs::Number forks_listed_;
  std::vector<std::uint32_t> listed_;
  std::vector<Process> processes_;  // ascending
  std::vector<Process> merged_;
};

}  // namespace

std::unique_ptr<Collector> make_processes(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                          Shared& shared) {
  return std::make_unique<Processes>(roots, schemas, shared);
}

}  // namespace resmon::collect
