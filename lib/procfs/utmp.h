#pragma once

// /run/utmp: who is logged in. Source: utmp(5).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

inline constexpr std::size_t kMostSessions = 65536;

// The user name of each login session, in the file's order; the views point into `bytes`. An empty file is none.
Status parse_utmp(std::span<const std::byte> bytes, std::vector<std::string_view>& users, Skipped& skipped);

}  // namespace resmon::procfs
