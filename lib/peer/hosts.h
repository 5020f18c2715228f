#pragma once

// What a server says of its hosts to another one. No I/O; reading is bounded by the bytes that came. Times travel as
// ages, so that two clocks need not agree.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fleet/host.h"

namespace resmon::peer {

struct SaidHost {
  fleet::Host host;
  std::string settings;  // JSON; empty: none
};

struct HostsAnswer {
  std::uint64_t instance = 0;  // another one after each start
  std::string name;            // of the server, for people
  std::uint64_t version = 0;   // to ask for what changes after it
  bool whole = false;          // these are all of its hosts
  std::vector<SaidHost> hosts;
  std::vector<std::string> removed;
};

std::string write_hosts(const HostsAnswer& answer, UnixNanos now);
Result<HostsAnswer> read_hosts(std::string_view bytes, UnixNanos now);

}  // namespace resmon::peer
