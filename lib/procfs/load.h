#pragma once

// The small files: loadavg, uptime, pressure/*, and files of a few numbers such as sys/fs/* and entropy_avail.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

struct LoadAverage {
  Decimal one;
  Decimal five;
  Decimal fifteen;
};
Status parse_loadavg(std::string_view text, LoadAverage& out, Skipped& skipped);

// Seconds since boot.
Status parse_uptime(std::string_view text, double& seconds, Skipped& skipped);

struct Pressure {
  Decimal average_10;  // percent of the time
  Decimal average_60;
  Decimal average_300;
  Number total_microseconds;
};
struct PressureFile {
  std::optional<Pressure> some;
  std::optional<Pressure> full;  // cpu has it only since Linux 5.13
};
Status parse_pressure(std::string_view text, PressureFile& out, Skipped& skipped);

// A file of numbers on one line, such as sys/fs/file-nr: fills `out` from the left; more columns are ignored.
Status parse_numbers(std::string_view text, std::span<Number> out, Skipped& skipped);

// A file of one whole number, which may be negative, such as a sensor's temp1_input.
Status parse_signed(std::string_view text, std::int64_t& out, Skipped& skipped);

}  // namespace resmon::procfs
