#include "collect/process_list.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "base/directory.h"
#include "collect/command_line.h"
#include "collect/row_schema.h"
#include "collect/skip_log.h"
#include "procfs/load.h"
#include "procfs/pid_stat.h"

namespace resmon::collect {

ProcessListing::ProcessListing(const Roots& roots, bool command_lines)
    : proc_(roots.proc),
      command_lines_(command_lines),
      names_(roots),
      identities_(roots, names_),
      ticks_a_second_(static_cast<double>(std::max(::sysconf(_SC_CLK_TCK), 1L))),
      page_bytes_(static_cast<std::uint64_t>(std::max(::sysconf(_SC_PAGESIZE), 1L))) {}

void ProcessListing::forget() {
  read_at_ = {};
  seen_ = {};
  now_ = {};
  processes_ = {};
}

void ProcessListing::run() {
  status_ = list();
}

Status ProcessListing::list() {
  const auto now = std::chrono::steady_clock::now();
  const double seconds =
      read_at_ == std::chrono::steady_clock::time_point() ? 0 : std::chrono::duration<double>(now - read_at_).count();
  double uptime = 0;
  procfs::Skipped skipped;
  if (const auto text = read_once((proc_ + "/uptime").c_str(), buffer_))
    (void)procfs::parse_uptime(*text, uptime, skipped);
  processes_.clear();
  now_.clear();
  Directory directory(proc_.c_str());
  if (!directory.valid()) return fail(system_error(proc_, directory.error()));
  std::vector<std::uint32_t> ids;
  while (const auto entry = directory.next()) {
    std::uint64_t id = 0;
    if (procfs::Fields(entry->name).number(id) && id <= UINT32_MAX && ids.size() < kMostProcesses)
      ids.push_back(static_cast<std::uint32_t>(id));
  }
  std::sort(ids.begin(), ids.end());
  for (const std::uint32_t id : ids) read(id, uptime, seconds);
  seen_.swap(now_);
  read_at_ = now;
  std::sort(processes_.begin(), processes_.end(), [](const LiveProcess& a, const LiveProcess& b) {
    if (a.cpu_percent != b.cpu_percent) return a.cpu_percent > b.cpu_percent;
    return a.resident_bytes != b.resident_bytes ? a.resident_bytes > b.resident_bytes : a.id < b.id;
  });
  return {};
}

const ProcessListing::Seen* ProcessListing::seen_before(std::uint32_t id, std::uint64_t start_ticks) const {
  const auto found = std::lower_bound(seen_.begin(), seen_.end(), id,
                                      [](const Seen& one, std::uint32_t wanted) { return one.id < wanted; });
  return found != seen_.end() && found->id == id && found->start_ticks == start_ticks ? &*found : nullptr;
}

// False when it is gone.
bool ProcessListing::read(std::uint32_t id, double uptime, double seconds) {
  const std::string folder = proc_ + "/" + std::to_string(id);
  const auto text = read_once((folder + "/stat").c_str(), buffer_);
  procfs::PidStat stat;
  procfs::PidUsage usage;
  procfs::Skipped skipped;
  if (!text || !procfs::parse_pid_stat(*text, stat, skipped, &usage)) return false;
  LiveProcess one;
  one.id = id;
  one.state = stat.state;
  one.name = procfs::is_name(stat.name) ? std::string(stat.name) : std::string("?");
  one.threads = stat.threads;
  one.resident_bytes = usage.resident_pages.value_or(0) * page_bytes_;
  const double started = static_cast<double>(usage.start_ticks.value_or(0)) / ticks_a_second_;
  one.age_seconds = uptime > started ? static_cast<std::uint64_t>(uptime - started) : 0;
  Seen now{id, usage.start_ticks.value_or(0), usage.user_ticks.value_or(0) + usage.system_ticks.value_or(0), {}, {}};
  const Seen* const before = seen_before(id, now.start_ticks);
  // One that began after the reading before has used all that it has since then.
  const bool began = seconds > 0 && before == nullptr && static_cast<double>(one.age_seconds) <= seconds + 1;
  if (seconds > 0 && (before != nullptr || began))
    one.cpu_percent = percent(static_cast<double>(advance(now.ticks, before == nullptr ? 0 : before->ticks)),
                              seconds * ticks_a_second_);
  GatherContext context;
  context.steady = std::chrono::steady_clock::now();
  SkipLog skips("processes");
  context.skips = &skips;
  const bool kernel_thread = (usage.flags.value_or(0) & procfs::kKernelThread) != 0;
  ProcessIdentity identity;
  if (kernel_thread) {
    one.user = "root";
  } else if (identities_.read(id, context, identity)) {
    one.user = identity.user;
    one.service = identity.service;
    one.container = identity.container;
  }
  if (!kernel_thread) {
    read_io(id, before, seconds, now, one);
    if (command_lines_)
      if (const auto line = read_once((folder + "/cmdline").c_str(), buffer_)) one.command_line = command_line(*line);
  }
  now_.push_back(now);
  processes_.push_back(std::move(one));
  return true;
}

void ProcessListing::read_io(std::uint32_t id, const Seen* before, double seconds, Seen& now, LiveProcess& out) {
  const auto text = read_once((proc_ + "/" + std::to_string(id) + "/io").c_str(), buffer_);
  procfs::PidIo io;
  procfs::Skipped skipped;
  if (!text || !procfs::parse_pid_io(*text, io, skipped)) return;
  now.read_bytes = io.read_bytes;
  now.written_bytes = io.written_bytes;
  if (before == nullptr || seconds <= 0) return;
  if (io.read_bytes && before->read_bytes)
    out.read_bytes_per_second = static_cast<double>(advance(*io.read_bytes, *before->read_bytes)) / seconds;
  if (io.written_bytes && before->written_bytes)
    out.written_bytes_per_second = static_cast<double>(advance(*io.written_bytes, *before->written_bytes)) / seconds;
}

}  // namespace resmon::collect
