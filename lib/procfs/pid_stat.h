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

// A name may contain anything, blanks and parentheses too: the last ')' ends it. Fails when there is no state.
Status parse_pid_stat(std::string_view text, PidStat& out, Skipped& skipped);

}  // namespace resmon::procfs
