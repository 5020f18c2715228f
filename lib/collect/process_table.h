#pragma once

// Every process, from its /proc/PID/stat: read once a gather for the collectors that need it.
//
// Nearly all of the cost is the kernel's, and two things lower it. The files stay open between gathers, which saves
// each one's path walk, open and close (43 % of a scan measured); how many is bounded by half of RLIMIT_NOFILE, and
// what is above the bound is opened and closed each time. And /proc is listed only when a process or thread was forked
// since it was listed last, which the counter `processes` of /proc/stat tells: on a quiet machine the whole directory
// walk goes away. The counter is read before the listing, and the kernel raises it after the new process can be seen,
// so a fork in between is at worst listed twice.
//
// An open file belongs to one process: when that is gone, reading gives ESRCH even if its number lives on as another's.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/directory.h"
#include "base/file.h"
#include "base/result.h"
#include "collect/collector.h"
#include "procfs/pid_stat.h"

namespace resmon::collect {

class ProcessTable {
 public:
  struct Process {
    std::uint32_t id = 0;
    char state = '?';
    std::uint8_t name_size = 0;
    std::array<char, 16> name_text{};  // the kernel keeps 15 bytes; a worker thread's are more and cut
    std::uint64_t threads = 0;         // 0: not told
    procfs::PidUsage usage;            // where it was asked for
    Fd file;                           // invalid: not kept

    std::string_view name() const { return {name_text.data(), name_size}; }
  };

  explicit ProcessTable(std::string proc);
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  // From now on names and `usage` are read, too: a little more than counting states needs.
  void want_usage() { wants_usage_ = true; }

  // Reads all processes. `forks`: how many were ever started, empty when not known. Fails when /proc cannot be listed.
  // `some`: why some processes could not be read, such as for want of descriptors.
  Status refresh(const GatherContext& context, procfs::Number forks, Status& some);
  std::span<const Process> processes() const { return processes_; }  // ascending by id

 private:
  Status list();
  void forget(Process& process);
  bool read(Process& process, const GatherContext& context, Status& status);
  void parse(Process& process, std::string_view text, const GatherContext& context) const;

  std::string proc_;
  bool wants_usage_ = false;
  const std::size_t most_kept_;
  std::size_t kept_ = 0;
  std::optional<Directory> directory_;
  procfs::Number forks_listed_;
  std::vector<std::uint32_t> listed_;
  std::vector<Process> processes_;
};

}  // namespace resmon::collect
