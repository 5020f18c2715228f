#pragma once

// /proc/diskstats. Source: Documentation/admin-guide/iostats.rst.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::procfs {

inline constexpr std::uint64_t kSectorBytes = 512;  // always, whatever the device's own sectors are

struct Disk {
  std::string_view name;  // points into the parsed text
  std::uint64_t reads = 0;
  std::uint64_t reads_merged = 0;
  std::uint64_t sectors_read = 0;
  std::uint64_t read_milliseconds = 0;
  std::uint64_t writes = 0;
  std::uint64_t writes_merged = 0;
  std::uint64_t sectors_written = 0;
  std::uint64_t write_milliseconds = 0;
  std::uint64_t in_progress = 0;
  std::uint64_t io_milliseconds = 0;
  std::uint64_t weighted_milliseconds = 0;
};

inline constexpr std::size_t kMostDisks = 1U << 20U;

// Replaces `out`. Later columns (discards, flushes) are skipped, and so are the lines of four numbers that Linux
// before 2.6.25 has for partitions. An empty text is no error: a machine may have no disk.
Status parse_diskstats(std::string_view text, std::vector<Disk>& out);

}  // namespace resmon::procfs
