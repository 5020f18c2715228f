#pragma once

// /proc/interrupts and /proc/softirqs: a line an interrupt, a column a CPU, then what it is. Source: kernel/irq/proc.c.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// Both texts point into the file's.
struct Interrupt {
  std::string_view name;         // "24", "NMI", "NET_RX"
  std::string_view description;  // "IO-APIC   5-edge      ACPI:Ged"; may be empty
  std::uint64_t total = 0;       // of all CPUs
};
// A line of which one CPU's number cannot be read is left out: a sum without it would be wrong. So is what comes after
// 8192 lines.
Status parse_interrupts(std::string_view text, std::vector<Interrupt>& out, Skipped& skipped);

}  // namespace resmon::procfs
