#pragma once

// Verifying a store's files, chunk by chunk. May run beside the process that has the store open.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace resmon::store {

struct CheckReport {
  std::uint64_t chunks = 0;
  std::uint64_t snapshots = 0;      // of heads
  std::uint64_t snapshot_rows = 0;  // in them
  std::uint64_t rows = 0;           // in chunks; a row that overlapping chunks hold twice counts twice
  std::uint64_t samples = 0;
  std::uint64_t windows = 0;  // of the tiers
  std::uint64_t chunk_bytes = 0;
  std::uint64_t row_bytes = 0;  // of chunk_bytes, what is not of the tiers
  std::uint64_t damaged = 0;
  std::vector<std::string> damage;           // what and where, the first hundred
  std::map<std::string, std::string> marks;  // Store::mark: all rows before them are in chunks and snapshots
  bool sound() const { return damaged == 0; }
};

// Called now and then with how much is done, of how much. Returning false ends the check with kUnavailable.
using CheckProgress = std::function<bool(std::uint64_t done, std::uint64_t all)>;

// Decodes every chunk and snapshot in `directory` and compares it with the catalog. Damage is reported, not an
// error; an error means that the store could not be looked at: kNotFound, kUnsupported version, kDamaged where the
// catalog cannot be read.
Result<CheckReport> check(const std::string& directory, const CheckProgress& progress = {});
// The same of a file, such as a backup, of which the checksums are verified as well.
Result<CheckReport> check_file(const std::string& file, const CheckProgress& progress = {});

}  // namespace resmon::store
