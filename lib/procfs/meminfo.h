#pragma once

// /proc/meminfo and the two counters of /proc/vmstat that swap needs. Source: proc(5), fs/proc/meminfo.c.

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// Bytes, but for the counts huge_pages_*. What a machine has none of is 0: kernels leave out the lines about high
// memory, huge pages and reclaimable slabs then, all lines of one kind together.
struct MemInfo {
  Number total;
  Number free;
  Number available;  // since Linux 3.14; see lacks_available
  Number buffers;
  Number cached;
  Number swap_cached;
  Number active;
  Number inactive;
  Number high_total;
  Number high_free;
  Number low_total;
  Number low_free;
  Number swap_total;
  Number swap_free;
  Number dirty;
  Number write_back;
  Number mapped;
  Number shared;  // Shmem
  Number slab;
  Number slab_reclaimable;
  Number slab_unreclaimable;
  Number page_tables;
  Number write_back_tmp;
  Number commit_limit;
  Number committed_as;
  Number vmalloc_total;
  Number vmalloc_used;
  Number vmalloc_chunk;
  Number huge_pages_total;
  Number huge_pages_free;
  Number huge_page_size;
  bool lacks_available = false;  // the kernel is older than that
};

Status parse_meminfo(std::string_view text, MemInfo& out, Skipped& skipped);

struct SwapCounters {
  Number pages_in;   // pswpin, since boot
  Number pages_out;  // pswpout
};

// A kernel without swap has no such counters: both are 0 then, which is no error.
Status parse_vmstat(std::string_view text, SwapCounters& out, Skipped& skipped);

}  // namespace resmon::procfs
