#pragma once

// 'resmon-server backup' and 'restore': one file with the store, the part of the journal that is not in the store yet,
// and the files that the configuration names.

#include <optional>
#include <string>

#include "base/result.h"
#include "options.h"
#include "store/backup.h"

namespace resmon::server {

struct BackupRequest {
  const Options& options;
  std::string config_file;  // empty: none
  std::string file;         // the backup
  bool force = false;       // what is there is replaced
  store::BackupProgress progress;
};

// Everything that was acknowledged before the call, also beside a running server. Both reports are of the backup's
// file.
Result<store::BackupReport> make_backup(const BackupRequest& request);
// Puts all of it where the configuration says. kUnavailable while a server runs there, kInvalid where something is
// there and `force` is not given. The configuration itself is left alone: bring_configuration.
Result<store::BackupReport> restore_backup(const BackupRequest& request);
// Fails where a restore was cut short, and says what to do: the directory has some files of the backup and not others.
Status check_restored(const std::string& store_directory);
// There while a restore is under way.
std::string unfinished_restore_marker(const std::string& store_directory);
// The configuration in a backup, on its way back to where it was.
struct ReturningConfiguration {
  std::string path;       // where it belongs
  std::string read_from;  // `path` where it is there already; otherwise beside it, until the restore has succeeded
};
// Nothing where the backup has none. kInvalid where another is there and `force` is not given.
Result<std::optional<ReturningConfiguration>> bring_configuration(const std::string& backup, bool force);
// Puts it in its place; what was there is kept beside it, and said on standard error.
Status settle_configuration(const ReturningConfiguration& returning);
void drop_configuration(const ReturningConfiguration& returning);

}  // namespace resmon::server
