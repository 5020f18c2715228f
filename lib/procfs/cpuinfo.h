#pragma once

// /proc/cpuinfo, for the number of cores where sysfs has no topology. Source: arch/x86/kernel/cpu/proc.c.

#include <cstdint>
#include <string_view>

namespace resmon::procfs {

// Distinct pairs of "physical id" and "core id"; 0 where the file has none, as on most architectures but x86, or not
// one of each for every processor: a line that cannot be read would make the number too small.
std::uint64_t count_cores(std::string_view text);

}  // namespace resmon::procfs
