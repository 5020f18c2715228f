#pragma once

// Facts of a machine that hardly ever change: the names of its system and of its CPU. Sources: os-release(5), proc(5).

#include <string>
#include <string_view>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

struct OsRelease {
  std::string name;     // "Debian GNU/Linux"
  std::string version;  // "12 (bookworm)"; a rolling system has none
  std::string id;       // "debian"
};
Status parse_os_release(std::string_view text, OsRelease& out, Skipped& skipped);

// "AMD EPYC 7401P 24-Core Processor", of the first CPU that has a name in /proc/cpuinfo. Empty where none has.
std::string_view cpu_model(std::string_view cpuinfo);

}  // namespace resmon::procfs
