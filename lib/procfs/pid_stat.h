#pragma once

// /proc/PID/stat. Source: proc(5), fs/proc/array.c.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace resmon::procfs {

struct PidStat {
  std::string_view name;  // without the parentheses; points into the parsed text; at most 64 bytes from the kernel
  char state = '?';
  std::uint64_t threads = 0;
};

// A name may contain anything, blanks and parentheses too: the last ')' ends it.
Status parse_pid_stat(std::string_view text, PidStat& out);

}  // namespace resmon::procfs
