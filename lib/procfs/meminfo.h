#pragma once

// /proc/meminfo and the two counters of /proc/vmstat that swap needs. Source: proc(5), fs/proc/meminfo.c.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace resmon::procfs {

// Bytes, but for the counts huge_pages_*. What the kernel does not say is 0 (but for `available`, see has_available).
struct MemInfo {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t available = 0;
  std::uint64_t buffers = 0;
  std::uint64_t cached = 0;
  std::uint64_t swap_cached = 0;
  std::uint64_t active = 0;
  std::uint64_t inactive = 0;
  std::uint64_t high_total = 0;
  std::uint64_t high_free = 0;
  std::uint64_t low_total = 0;
  std::uint64_t low_free = 0;
  std::uint64_t swap_total = 0;
  std::uint64_t swap_free = 0;
  std::uint64_t dirty = 0;
  std::uint64_t write_back = 0;
  std::uint64_t mapped = 0;
  std::uint64_t shared = 0;  // Shmem
  std::uint64_t slab = 0;
  std::uint64_t slab_reclaimable = 0;
  std::uint64_t slab_unreclaimable = 0;
  std::uint64_t page_tables = 0;
  std::uint64_t write_back_tmp = 0;
  std::uint64_t commit_limit = 0;
  std::uint64_t committed_as = 0;
  std::uint64_t vmalloc_total = 0;
  std::uint64_t vmalloc_used = 0;
  std::uint64_t vmalloc_chunk = 0;
  std::uint64_t huge_pages_total = 0;
  std::uint64_t huge_pages_free = 0;
  std::uint64_t huge_page_size = 0;
  bool has_available = false;  // since Linux 3.14
};

Status parse_meminfo(std::string_view text, MemInfo& out);

struct SwapCounters {
  std::uint64_t pages_in = 0;   // pswpin, since boot
  std::uint64_t pages_out = 0;  // pswpout
};

// A kernel without swap has no such counters: both are 0 then, which is no error.
Status parse_vmstat(std::string_view text, SwapCounters& out);

}  // namespace resmon::procfs
