#pragma once

// /proc/net/dev: the counters of the network interfaces of one network namespace. Source: net/core/net-procfs.c.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

struct Interface {
  std::string_view name;  // points into the parsed text; of an alias: "eth0:1"
  Number bytes_received;
  Number packets_received;
  Number errors_in;
  Number drops_in;
  Number bytes_sent;
  Number packets_sent;
  Number errors_out;
  Number drops_out;
};

inline constexpr std::size_t kMostInterfaces = 1U << 20U;

// Replaces `out`.
Status parse_net_dev(std::string_view text, std::vector<Interface>& out, Skipped& skipped);

}  // namespace resmon::procfs
