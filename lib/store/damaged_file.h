#pragma once

// A store's file that cannot be opened for damage is set aside, so that a store can be made again beside it.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::store {

// Renames `resmon.db` of the directory, and what SQLite keeps beside it, to `resmon.db.damaged-20261129T235959Z`.
// Returns the new path. At most two stay: of earlier ones the newest. REQUIRES: the directory is held, and the file is
// closed.
Result<std::string> set_damaged_aside(const std::string& directory, UnixNanos now);

// What such files take.
std::uint64_t damaged_bytes(const std::string& directory);

}  // namespace resmon::store
