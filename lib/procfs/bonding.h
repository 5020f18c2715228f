#pragma once

// /proc/net/bonding/NAME: a bond of network interfaces. Source: drivers/net/bonding/bond_procfs.c.

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

struct BondSlave {
  std::string_view name;   // points into the text
  std::optional<bool> up;  // "going down" and "going back" are not up
  Number failures;         // times that its link was lost
  Number actor_churned;    // of 802.3ad only, as the next
  Number partner_churned;
};

struct Bond {
  std::string_view mode;          // as the file has it; points into the text, as the next
  std::string_view active_slave;  // empty where there is none, or the mode knows none
  std::optional<bool> up;
  std::vector<BondSlave> slaves;
};

inline constexpr std::size_t kMostBondSlaves = 256;

// A line's owner is told by what came before it: where an interface's own line cannot be read, its values are left out.
Status parse_bonding(std::string_view text, Bond& out, Skipped& skipped);

}  // namespace resmon::procfs
