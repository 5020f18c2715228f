#pragma once

// Copying a store's file, also while a server writes to it.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace resmon::store {

struct BackupReport {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;  // the size of the new file
};

// Called now and then with how much is done, of how much. Returning false ends the backup with kUnavailable.
using BackupProgress = std::function<bool(std::uint64_t done, std::uint64_t all)>;

// Writes everything committed in the store of `directory` to `file`, a database that is a store's resmon.db. The name
// `file` appears, or is replaced, when all of it is on disk; until then it is `file`.partial. kUnavailable when another
// backup writes there.
Result<BackupReport> backup(const std::string& directory, const std::string& file, const BackupProgress& progress = {});

}  // namespace resmon::store
