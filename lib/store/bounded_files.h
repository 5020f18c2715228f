#pragma once

// SQLite's files with a bound for the write-ahead log. SQLite itself has none: the log grows by whatever a transaction
// writes, and for as long as a reader keeps it from starting over.

#include <cstdint>
#include <string>

namespace resmon::store {

// Registers the file layer, once. Returns its name for sqlite3_open_v2.
const char* bounded_files();

// The name to open `path` by, with SQLITE_OPEN_URI: a write that would make the write-ahead log longer than
// `wal_limit_bytes` fails with SQLITE_FULL, which rolls its transaction back. 0: no bound.
std::string bounded_name(const std::string& path, std::uint64_t wal_limit_bytes);

// How many writes the bound has refused, of all stores of this process.
std::uint64_t wal_refusals();

}  // namespace resmon::store
