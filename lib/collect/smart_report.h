#pragma once

// What `smartctl -j -a` prints of one disk. Source: smartmontools' JSON output, and the attributes of ATA disks as
// vendors number them. No I/O; fuzzed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::collect {

struct SmartReport {
  std::string device;  // "sda"
  std::string model;
  std::string serial;
  std::optional<std::uint64_t> capacity_bytes;
  std::optional<bool> passed;  // what the disk says of itself; empty: it says nothing
  std::optional<std::int64_t> exit_status;
  std::optional<std::int64_t> temperature;  // °C
  std::optional<std::int64_t> power_on_hours;
  std::optional<std::int64_t> power_cycles;
  // ATA.
  std::optional<std::int64_t> reallocated_sectors;
  std::optional<std::int64_t> pending_sectors;
  std::optional<std::int64_t> uncorrectable_sectors;
  std::optional<std::int64_t> crc_errors;
  std::optional<std::int64_t> wear_leveling;  // the normalised value: 100 when it is new
  // NVMe.
  std::optional<std::int64_t> percentage_used;
  std::optional<std::int64_t> available_spare;
  std::optional<std::int64_t> media_errors;
  std::optional<std::int64_t> critical_warning;
  std::optional<std::int64_t> unsafe_shutdowns;
};

// kInvalid: no such report, or none of a disk. A value of another kind than it should be is left out.
Result<SmartReport> parse_smart_report(std::string_view text);

}  // namespace resmon::collect
