#pragma once

// The text of hosts.json. No I/O.

#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/fleet.h"

namespace resmon::server {

std::string format_fleet_memory(const fleet::Memory& memory);
// kInvalid: no JSON object. A member that has another form is left out.
Result<fleet::Memory> parse_fleet_memory(std::string_view text);

}  // namespace resmon::server
