#include "collect/process_table.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "collect/merge_by_id.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostKeptFiles = 4096;
constexpr std::size_t kFilesLeftToOthers = 128;

std::size_t files_to_keep() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const std::size_t most =
      limit.rlim_cur == RLIM_INFINITY ? kMostKeptFiles * 4 : static_cast<std::size_t>(limit.rlim_cur);
  return most <= kFilesLeftToOthers ? 0 : std::min(kMostKeptFiles, (most - kFilesLeftToOthers) / 2);
}

}  // namespace

ProcessTable::ProcessTable(std::string proc) : proc_(std::move(proc)), most_kept_(files_to_keep()) {}

Status ProcessTable::refresh(const GatherContext& context, procfs::Number forks, Status& some) {
  // Without the counter, each time.
  if (!directory_ || !forks || forks != forks_listed_) {
    RESMON_TRY(list());
    forks_listed_ = forks;
  }
  std::size_t still_there = 0;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    Process& process = processes_[i];
    if (!read(process, context, some)) {
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
  return {};
}

// Brings processes_ up to date with the directory. Both are in ascending order, as the kernel lists them; a listing
// that is not (a capture on a plain file system) is sorted.
Status ProcessTable::list() {
  if (directory_)
    directory_->rewind();
  else
    directory_.emplace(proc_.c_str());
  listed_.clear();
  while (const auto entry = directory_->next()) {
    const char* name = entry->name.data();
    if (*name < '1' || *name > '9') continue;
    char* end = nullptr;
    const unsigned long id = std::strtoul(name, &end, 10);
    if (*end == '\0' && id <= UINT32_MAX) listed_.push_back(static_cast<std::uint32_t>(id));
  }
  if (const int error_number = directory_->error(); error_number != 0) {
    directory_.reset();
    return fail(system_error(proc_, error_number));
  }
  if (!std::is_sorted(listed_.begin(), listed_.end())) std::sort(listed_.begin(), listed_.end());
  merge_by_id(
      processes_, listed_.size(), [&](std::size_t i) { return listed_[i]; },
      [&](Process& process) { forget(process); });
  return {};
}

void ProcessTable::forget(Process& process) {
  if (!process.file.valid()) return;
  process.file.reset();
  --kept_;
}

// False when the process is gone.
bool ProcessTable::read(Process& process, const GatherContext& context, Status& status) {
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
  parse(process, {text, static_cast<std::size_t>(got)}, context);
  return true;
}

void ProcessTable::parse(Process& process, std::string_view text, const GatherContext& context) const {
  procfs::PidStat stat;
  procfs::Skipped skipped;
  // A process that is there is one, whatever its line looks like: of unknown state then.
  (void)procfs::parse_pid_stat(text, stat, skipped, wants_usage_ ? &process.usage : nullptr);
  if (skipped.lines() != 0)
    context.skipped(proc_ + "/" + std::to_string(process.id) + "/stat", skipped, proc_ + "/PID/stat");
  process.state = stat.state;
  process.threads = stat.threads;
  if (wants_usage_)
    process.name_size = static_cast<std::uint8_t>(stat.name.copy(process.name_text.data(), process.name_text.size()));
}

}  // namespace resmon::collect
