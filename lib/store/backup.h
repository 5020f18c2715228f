#pragma once

// Copying a store's file, also while a server writes to it, together with other files that belong to it.
//
// A backup is a database that is a store's resmon.db, and has one table more: files (name, part, data), each file in
// parts of a MiB, those of zeros left out. It ends with checksums of all its bytes (file_checksums.h).

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace resmon::store {

struct BackupReport {
  std::uint64_t chunks = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // the size of the new file
};

// Called now and then with how much is done, of how much. Returning false ends the backup with kUnavailable.
using BackupProgress = std::function<bool(std::uint64_t done, std::uint64_t all)>;

struct BackupFile {
  std::string name;  // in the backup
  std::string path;  // on disk
};

struct BackupOptions {
  // Copied before the store is, in this order. One that is not there, or goes meanwhile, is left out.
  std::vector<BackupFile> files;
  std::vector<std::pair<std::string, std::string>> texts;  // more files: name, content
  bool replace = false;                                    // a file that is there
  BackupProgress progress;
};

// Writes everything committed in the store of `directory` to `file` (mode 0600). The name `file` appears when all of it
// is on disk; until then it is `file`.partial. kInvalid where there is a file and it is not to be replaced,
// kUnavailable when another backup writes there.
Result<BackupReport> backup(const std::string& directory, const std::string& file, const BackupOptions& options = {});

// kDamaged where a bit of the file is not what backup wrote, or where it is no backup.
Status verify_backup(const std::string& backup);
// Whether backup made the file.
Result<bool> is_backup(const std::string& file);

// Names of the files in a backup.
Result<std::vector<std::string>> backup_files(const std::string& backup);
// One of them; kNotFound if it has none of that name.
Result<std::string> backup_file(const std::string& backup, const std::string& name);

// Holds a store's directory, so that no server uses it. kUnavailable while one does.
class StoreHold {
 public:
  static Result<StoreHold> take(const std::string& directory);  // made (0700) when missing

 private:
  explicit StoreHold(Fd lock) : lock_(std::move(lock)) {}
  Fd lock_;
};

// Puts a backup's store into `directory`, in place of what is there, all or nothing; kDamaged, and nothing, where
// verify_backup is. REQUIRES: the directory is held.
Result<BackupReport> restore(const std::string& backup, const std::string& directory, const BackupProgress& progress);

}  // namespace resmon::store
