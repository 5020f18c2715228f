#pragma once

// /proc/mdstat: Linux's software RAID. Source: md_seq_show in drivers/md/md.c.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// The kind of a running sync, in the words of the file.
enum class MdSync { kNone, kRecovery, kResync, kCheck, kReshape };

struct MdArray {
  std::string_view name;     // "md0"; points into the text, as the next two
  std::string_view state;    // "active", "inactive"
  std::string_view devices;  // "raid1 sdb2[1] sda2[0](F)": the level, where the array is active, and the devices
  std::uint64_t failed = 0;
  std::uint64_t spare = 0;
  std::uint64_t members = 0;  // devices that are listed
  Number blocks;              // of 1 KiB
  Number total;               // devices it should have
  Number active;              // and those that work
  MdSync sync = MdSync::kNone;
  bool sync_waits = false;  // it is pending or delayed
  Number synced_blocks;     // while it syncs
  Decimal synced_percent;
  Decimal finish_minutes;
  Decimal speed;  // KiB/s
};
Status parse_mdstat(std::string_view text, std::vector<MdArray>& out, Skipped& skipped);

}  // namespace resmon::procfs
