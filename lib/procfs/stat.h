#pragma once

// /proc/stat: time of the CPUs in ticks of 1/100 s, and the kernel's event counters. Source: proc(5), fs/proc/stat.c.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// Ticks since boot. `user` contains `guest`, `nice` contains `guest_nice`. Columns that an old kernel does not have are
// 0. A counter may go back: iowait and idle do (proc(5)), and all do when a CPU comes back.
struct CpuTimes {
  std::uint64_t user = 0;
  std::uint64_t nice = 0;
  std::uint64_t system = 0;
  std::uint64_t idle = 0;
  std::uint64_t iowait = 0;
  std::uint64_t irq = 0;
  std::uint64_t softirq = 0;
  std::uint64_t steal = 0;
  std::uint64_t guest = 0;
  std::uint64_t guest_nice = 0;
};

struct Cpu {
  std::uint32_t index = 0;
  CpuTimes times;
};

struct Stat {
  std::optional<CpuTimes> total;
  std::vector<Cpu> cpus;  // online ones, in the file's order; one number once
  // How many CPUs are online: also those whose line has no readable times. Empty when a line could not be told from one
  // about a CPU.
  std::optional<std::size_t> online;
  Number interrupts;
  Number context_switches;
  Number boot_time_seconds;  // since 1970-01-01
  Number processes_forked;   // threads included
};

inline constexpr std::size_t kMostCpus = 65536;

// Replaces `out`, whose memory is reused; on an error its content is unspecified.
Status parse_stat(std::string_view text, Stat& out, Skipped& skipped);

}  // namespace resmon::procfs
