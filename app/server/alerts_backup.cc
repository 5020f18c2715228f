#include "alerts_backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "alert/rules.h"
#include "store/database.h"

namespace resmon::server {

AlertsCopy::AlertsCopy(const Options& options)
    : database_(options.store_directory + "/alerts.db"), copy_(database_ + ".copy") {
  (void)::unlink(copy_.c_str());  // of a backup that was killed
}

AlertsCopy::~AlertsCopy() {
  (void)::unlink(copy_.c_str());
}

Status AlertsCopy::take(store::BackupOptions& backup) const {
  struct stat info {};
  if (::stat(database_.c_str(), &info) != 0) return errno == ENOENT ? Status() : fail(system_error(database_, errno));
  RESMON_ASSIGN(store::Database database, store::Database::open(database_, store::Database::Mode::kReadOnly));
  RESMON_ASSIGN(store::Statement copy, database.prepare("VACUUM INTO ?"));
  copy.bind_text(1, copy_);
  if (Status done = copy.run(); !done) return fail(std::move(done).error().wrap(copy_));
  backup.files.push_back({kAlertsDatabase, copy_});
  return {};
}

std::vector<store::BackupFile> alert_secrets(const std::string& rules) {
  std::vector<store::BackupFile> out;
  const auto config = alert::read_config(rules, kAlertsRules);
  if (!config) return out;
  for (const alert::Channel& channel : config->channels) {
    const std::string prefix = "alerts/" + channel.name + "/";
    out.push_back({prefix + "token", channel.token_file});
    out.push_back({prefix + "secret", channel.secret_file});
    out.push_back({prefix + "password", channel.password_file});
    out.push_back({prefix + "tls_ca", channel.tls_ca_file});
  }
  std::erase_if(out, [](const store::BackupFile& file) { return file.path.empty(); });
  return out;
}

Status remove_alerts_database(const Options& options) {
  for (const char* end : {"", "-wal", "-shm"}) {
    const std::string path = options.store_directory + "/alerts.db" + end;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(system_error(path, errno));
  }
  return {};
}

}  // namespace resmon::server
