#pragma once

// The statistics of ZFS: /proc/spl/kstat/zfs/… Source: kstat_seq_show in module/os/linux/spl/spl-kstat.c.

#include <span>
#include <string_view>

#include "base/result.h"
#include "procfs/cgroup_files.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// Lines of a name, a type's number and a value, after two of heading. Fills in those that are asked for; a name that is
// not there leaves its number empty. Of a name that is there twice the first counts. Values that are text are passed
// over.
Status parse_kstat(std::string_view text, std::span<const Keyed> wanted, Skipped& skipped);

}  // namespace resmon::procfs
