#pragma once

// The small files: loadavg, uptime, pressure/*, and files of a few numbers such as sys/fs/* and entropy_avail.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace resmon::procfs {

struct LoadAverage {
  double one = 0;
  double five = 0;
  double fifteen = 0;
};
Status parse_loadavg(std::string_view text, LoadAverage& out);

// Seconds since boot.
Status parse_uptime(std::string_view text, double& seconds);

struct Pressure {
  double average_10 = 0;  // percent of the time
  double average_60 = 0;
  double average_300 = 0;
  std::uint64_t total_microseconds = 0;
};
struct PressureFile {
  Pressure some;
  Pressure full;
  bool has_some = false;
  bool has_full = false;  // cpu has it only since Linux 5.13
};
Status parse_pressure(std::string_view text, PressureFile& out);

// A file of numbers on one line, such as sys/fs/file-nr: fills `out` from the left; more columns are skipped, fewer are
// an error. A negative number, which some of the kernel's sums are for a moment, counts as 0.
Status parse_numbers(std::string_view text, std::span<std::uint64_t> out);

}  // namespace resmon::procfs
