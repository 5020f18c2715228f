#pragma once

// What the journal of a directory or of a backup has that no chunk has yet.

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "journal/file_system.h"

namespace resmon::server {

inline constexpr const char* kJournalInBackup = "journal";
inline constexpr const char* kLogsJournalInBackup = "logs-journal";
inline constexpr const char* kLogsBlocksInBackup = "logs-blocks";

struct JournalContents {
  std::uint64_t entries = 0;  // after the store's mark: the next start brings them into the store
  std::uint64_t samples = 0;  // of them
};
// `mark`: the store's (kJournalMark); of another journal, or empty, all entries count.
Result<JournalContents> journal_contents(const std::string& directory, journal::FileSystem& files,
                                         const std::string& mark);

// The files of a backup as a file system that can only be read, with the names above as directories.
Result<std::unique_ptr<journal::FileSystem>> files_of_backup(const std::string& backup);

}  // namespace resmon::server
