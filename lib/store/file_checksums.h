#pragma once

// Checksums at the end of a file that is not changed any more: one of each MiB, behind the bytes that they are of. Any
// flipped bit is found, of the checksums as well. docs/storage_format.md has the layout.

#include <string>

#include "base/result.h"

namespace resmon::store {

// REQUIRES: the file has none, and nobody writes to it. Not synced.
Status append_checksums(const std::string& path);

// kDamaged, naming the place, where bytes are not what they were; kNotFound where the file does not end with checksums.
Status verify_checksums(const std::string& path);

// For a file that is to be changed from now on. One that has none, or is not there, stays as it is.
Status drop_checksums(const std::string& path);

}  // namespace resmon::store
