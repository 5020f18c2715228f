#pragma once

// /proc/diskstats. Source: Documentation/admin-guide/iostats.rst.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

inline constexpr std::uint64_t kSectorBytes = 512;  // always, whatever the device's own sectors are

struct Disk {
  std::string_view name;  // points into the parsed text
  Number reads;
  Number reads_merged;
  Number sectors_read;
  Number read_milliseconds;
  Number writes;
  Number writes_merged;
  Number sectors_written;
  Number write_milliseconds;
  Number in_progress;
  Number io_milliseconds;
  Number weighted_milliseconds;
};

inline constexpr std::size_t kMostDisks = 1U << 20U;

// Replaces `out`. Later columns (discards, flushes) are skipped, and so are the lines of four numbers that Linux
// before 2.6.25 has for partitions. An empty text is no error: a machine may have no disk.
Status parse_diskstats(std::string_view text, std::vector<Disk>& out, Skipped& skipped);

}  // namespace resmon::procfs
