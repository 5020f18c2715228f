#pragma once

// /proc/net/dev: the counters of the network interfaces of one network namespace. Source: net/core/net-procfs.c.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::procfs {

struct Interface {
  std::string_view name;  // points into the parsed text
  std::uint64_t bytes_received = 0;
  std::uint64_t packets_received = 0;
  std::uint64_t errors_in = 0;
  std::uint64_t drops_in = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t errors_out = 0;
  std::uint64_t drops_out = 0;
};

inline constexpr std::size_t kMostInterfaces = 1U << 20U;

// Replaces `out`.
Status parse_net_dev(std::string_view text, std::vector<Interface>& out);

}  // namespace resmon::procfs
