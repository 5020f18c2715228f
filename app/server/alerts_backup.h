#pragma once

// The files of alerts in a backup: alerts.db, the rules file, and the secret files that its channels name.

#include <string>
#include <vector>

#include "options.h"
#include "store/backup.h"

namespace resmon::server {

inline constexpr const char* kAlertsDatabase = "alerts.db";  // their names in a backup
inline constexpr const char* kAlertsRules = "alerts.toml";

// A copy of alerts.db as one transaction left it, also while a server writes to it; it goes with this. Take it before
// the journal's files are copied: the position in it must not be beyond the journal's end.
class AlertsCopy {
 public:
  explicit AlertsCopy(const Options& options);
  ~AlertsCopy();
  AlertsCopy(const AlertsCopy&) = delete;
  AlertsCopy& operator=(const AlertsCopy&) = delete;

  Status take(store::BackupOptions& backup) const;

 private:
  const std::string database_;
  const std::string copy_;
};

// The files that hold a channel's token, secret and password, by their names in a backup. `rules` is the text of the
// rules file; none where it has errors.
std::vector<store::BackupFile> alert_secrets(const std::string& rules);

// Removes alerts.db and what SQLite keeps beside it.
Status remove_alerts_database(const Options& options);

}  // namespace resmon::server
