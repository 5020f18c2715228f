#pragma once

// /proc/PID/stat. Source: proc(5), fs/proc/array.c.

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

inline constexpr std::uint64_t kMostThreads = 1U << 22U;  // PID_MAX_LIMIT

struct PidStat {
  std::string_view name;  // without the parentheses; points into the parsed text; at most 64 bytes from the kernel
  char state = '?';
  std::uint64_t threads = 0;  // 0: not told
};

// What a process has used. Ticks are of sysconf(_SC_CLK_TCK) a second; those of `children` are of the children that it
// waited for, and of theirs.
struct PidUsage {
  Number parent_id;
  Number flags;  // of the kernel's PF_…: kKernelThread
  Number minor_faults;
  Number major_faults;
  Number user_ticks;
  Number system_ticks;
  Number children_user_ticks;
  Number children_system_ticks;
  Number start_ticks;  // since boot: with the process's number it names a process for ever
  Number resident_pages;
};
inline constexpr std::uint64_t kKernelThread = 0x200000;

// A name may contain anything, blanks and parentheses too: the last ')' ends it. Fails when there is no state. `usage`
// is filled in as well where it is asked for.
Status parse_pid_stat(std::string_view text, PidStat& out, Skipped& skipped, PidUsage* usage = nullptr);

}  // namespace resmon::procfs
