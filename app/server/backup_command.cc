// A backup beside a running server asks nothing of it. The journal's files are copied first and the store after them:
// what leaves the journal meanwhile is in the store by then. A start after a restore replays from the store's mark, as
// after a crash.

#include "backup_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "alerts_backup.h"
#include "base/file.h"
#include "journal_contents.h"
#include "logs/archive.h"

namespace resmon::server {

namespace {

namespace fs = std::filesystem;

const std::string kJournal = std::string(kJournalInBackup) + "/";
const std::string kLogsJournal = std::string(kLogsJournalInBackup) + "/";
const std::string kLogsBlocks = std::string(kLogsBlocksInBackup) + "/";
const std::string kConfiguration = "config";
const std::string kConfigurationPath = "config-path";

// The files that the configuration and the rules of alerts name, by their names in a backup.
std::vector<store::BackupFile> named_files(const Options& options, const std::string& rules) {
  std::vector<store::BackupFile> files = {{"accounts", options.accounts_file},
                                          {"sessions", options.accounts_file + ".sessions"},
                                          {"settings", options.accounts_file + ".settings"},
                                          {"factors", options.accounts_file + ".factors"},
                                          {"invitations", options.accounts_file + ".invitations"},
                                          {"token", options.token_file},
                                          {"addresses", options.accounts_file + ".addresses"},
                                          {"hosts", options.store_directory + "/hosts.json"},
                                          {"database-names", options.store_directory + "/database-names"},
                                          {"oidc/secret", options.oidc.client_secret_file},
                                          {"oidc/ca", options.oidc.ca_file},
                                          {"tls/certificate", options.tls_certificate_file},
                                          {"tls/key", options.tls_key_file},
                                          {kAlertsRules, options.alerts_rules_file}};
  for (const sink::SinkOptions& sink : options.sinks) {
    files.push_back({"sink/" + sink.name + "/token", sink.token_file});
    files.push_back({"sink/" + sink.name + "/password", sink.password_file});
    files.push_back({"sink/" + sink.name + "/tls_ca", sink.tls_ca_file});
  }
  for (store::BackupFile& file : alert_secrets(rules)) files.push_back(std::move(file));
  std::erase_if(files, [](const store::BackupFile& file) { return file.path.empty(); });
  return files;
}

// The journal's own files: how far it went first, then the records, oldest first.
std::vector<std::string> journal_files(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator at(directory, ignored), end; !ignored && at != end; at.increment(ignored))
    if (at->path().extension() == ".seg") names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  names.insert(names.begin(), "cursors");
  return names;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// Gives the file to the owner of `like`: root may restore another user's server.
Status give_to_owner_of(const std::string& like, const std::string& path) {
  struct stat owner {};
  if (::geteuid() != 0 || ::stat(like.c_str(), &owner) != 0 || owner.st_uid == 0) return {};
  if (::lchown(path.c_str(), owner.st_uid, owner.st_gid) != 0) return fail(system_error(path, errno));
  return {};
}

std::string logs_directory(const Options& options) {
  return options.store_directory + "/logs";
}

// Second names for the files of lines, which a running server merges and removes while they are copied; they go with
// this. How far the journal was read and its records come first, and the blocks after them: what leaves the journal
// meanwhile is in blocks by then.
class LinesHeld {
 public:
  explicit LinesHeld(std::string directory) : directory_(std::move(directory)), held_(directory_ + "/backup") {
    std::error_code ignored;
    fs::remove_all(held_, ignored);
  }
  ~LinesHeld() {
    std::error_code ignored;
    fs::remove_all(held_, ignored);
  }
  LinesHeld(const LinesHeld&) = delete;
  LinesHeld& operator=(const LinesHeld&) = delete;

  Status take(store::BackupOptions& options) {
    const std::string journal = directory_ + "/journal";
    if (!exists(journal)) return {};
    if (auto cursors = read_file(journal + "/cursors"); cursors)
      options.texts.emplace_back(kLogsJournal + "cursors", *std::move(cursors));
    for (const std::string& name : journal_files(journal)) {
      if (!name.ends_with(".seg")) continue;
      RESMON_ASSIGN(const bool there, hold(journal + "/" + name, "journal/" + name));
      if (there) options.files.push_back({kLogsJournal + name, held_ + "/journal/" + name});
    }
    for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
      const std::vector<logs::ArchiveFile> files = logs::archive_files(directory_);
      bool complete = true;
      for (const logs::ArchiveFile& file : files) {
        RESMON_ASSIGN(complete, hold(file.path, file.name));
        if (!complete) break;  // what took its place is in the next list
      }
      if (!complete) continue;
      for (const logs::ArchiveFile& file : files)
        options.files.push_back({kLogsBlocks + file.name, held_ + "/" + file.name});
      return {};
    }
    return fail(ErrorKind::kUnavailable, directory_ + ": its files change faster than they can be listed; try again");
  }

 private:
  static constexpr int kMostAttempts = 100;

  // False: it is gone.
  Result<bool> hold(const std::string& path, const std::string& name) {
    const std::string link = held_ + "/" + name;
    std::error_code ignored;
    fs::create_directories(fs::path(link).parent_path(), ignored);
    if (::link(path.c_str(), link.c_str()) == 0 || errno == EEXIST) return true;
    if (errno == ENOENT && !exists(path)) return false;
    return fail(system_error(link, errno));
  }

  const std::string directory_;
  const std::string held_;
};

// The directory and those in it: others may not enter, and whoever owns `like` owns them.
Status make_private_tree(const std::string& like, const std::string& directory) {
  if (!exists(directory)) return {};
  std::error_code error;
  std::vector<std::string> all = {directory};
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    if (at->is_directory(error)) all.push_back(at->path().string());
  for (const std::string& one : all) {
    fs::permissions(one, fs::perms::owner_all, error);
    RESMON_TRY(give_to_owner_of(like, one));
  }
  return {};
}

Status put_file(const BackupRequest& request, const std::string& name, const std::string& path) {
  RESMON_ASSIGN(const std::string content, store::backup_file(request.file, name));
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  RESMON_TRY(write_file_atomically(path, content, 0600));
  return give_to_owner_of(request.options.store_directory, path);
}

}  // namespace

namespace {

// Whether `file` would lie in `directory` or below it.
bool is_within(const std::string& file, const std::string& directory) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(fs::absolute(file), error);
  const fs::path outer = fs::weakly_canonical(fs::absolute(directory), error);
  if (error) return false;
  const auto [end, ignored] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

// How many files are in the backup, and its size: what backup and restore say of it is the same.
Status describe(const std::string& backup, store::BackupReport& report) {
  RESMON_ASSIGN(const std::vector<std::string> names, store::backup_files(backup));
  report.files = static_cast<std::uint64_t>(
      std::count_if(names.begin(), names.end(), [](const std::string& name) { return name != kConfigurationPath; }));
  std::error_code error;
  report.bytes = fs::file_size(backup, error);
  return error ? Status(fail(system_error(backup, error.value()))) : Status();
}

}  // namespace

Result<store::BackupReport> make_backup(const BackupRequest& request) {
  for (const std::string& directory : {request.options.store_directory, request.options.journal_directory})
    if (is_within(request.file, directory))
      return fail(ErrorKind::kInvalid,
                  request.file + " is in " + directory + ", a directory of the server; choose another one");
  store::BackupOptions options;
  options.replace = request.force;
  options.progress = request.progress;
  const AlertsCopy alerts(request.options);
  RESMON_TRY(alerts.take(options));
  for (const std::string& name : journal_files(request.options.journal_directory))
    options.files.push_back({kJournal + name, request.options.journal_directory + "/" + name});
  LinesHeld lines(logs_directory(request.options));
  RESMON_TRY(lines.take(options));
  const auto rules = read_file(request.options.alerts_rules_file);
  for (store::BackupFile& file : named_files(request.options, rules ? *rules : ""))
    options.files.push_back(std::move(file));
  if (!request.config_file.empty()) {
    const std::string path = fs::absolute(request.config_file).string();
    options.files.push_back({kConfiguration, path});
    options.texts.emplace_back(kConfigurationPath, path);
  }
  RESMON_ASSIGN(store::BackupReport report, store::backup(request.options.store_directory, request.file, options));
  RESMON_TRY(describe(request.file, report));
  return report;
}

namespace {

bool in_backup(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `names`: of what is in the backup.
Status nothing_is_there(const Options& options, const std::vector<store::BackupFile>& files,
                        const std::vector<std::string>& names) {
  std::vector<std::string> there = {options.store_directory + "/resmon.db"};
  for (const std::string& name : journal_files(options.journal_directory))
    there.push_back(options.journal_directory + "/" + name);
  for (const store::BackupFile& file : files)
    if (in_backup(names, file.name)) there.push_back(file.path);
  for (const std::string& path : there)
    if (exists(path)) return fail(ErrorKind::kInvalid, path + " exists; --force replaces it");
  return {};
}

// All but the store's own file, in place of what is there.
Status replace_files(const BackupRequest& request, const std::vector<store::BackupFile>& files,
                     const std::vector<std::string>& names) {
  const Options& options = request.options;
  RESMON_TRY(give_to_owner_of(options.store_directory, options.store_directory + "/resmon.db"));
  for (const std::string& name : journal_files(options.journal_directory))
    if (::unlink((options.journal_directory + "/" + name).c_str()) != 0 && errno != ENOENT)
      return fail(system_error(options.journal_directory + "/" + name, errno));
  std::error_code ignored;
  if (fs::create_directories(options.journal_directory, ignored))
    fs::permissions(options.journal_directory, fs::perms::owner_all, ignored);
  RESMON_TRY(give_to_owner_of(options.store_directory, options.journal_directory));
  std::error_code unwanted;
  fs::remove_all(logs_directory(options), unwanted);
  for (const std::string& name : names)
    for (const auto& [prefix, folder] : {std::pair{kLogsJournal, "/journal/"}, {kLogsBlocks, "/"}})
      if (name.starts_with(prefix)) {
        RESMON_TRY(put_file(request, name, logs_directory(options) + folder + name.substr(prefix.size())));
      }
  RESMON_TRY(make_private_tree(options.store_directory, logs_directory(options)));
  for (const std::string& name : names)
    if (name.starts_with(kJournal)) {
      RESMON_TRY(put_file(request, name, options.journal_directory + "/" + name.substr(kJournal.size())));
    }
  RESMON_TRY(remove_alerts_database(options));
  for (const store::BackupFile& file : files)
    if (in_backup(names, file.name)) {
      RESMON_TRY(put_file(request, file.name, file.path));
    }
  return {};
}

}  // namespace

Result<store::BackupReport> restore_backup(const BackupRequest& request) {
  const Options& options = request.options;
  RESMON_TRY(store::verify_backup(request.file));
  RESMON_ASSIGN(const std::vector<std::string> names, store::backup_files(request.file));
  const auto rules = store::backup_file(request.file, kAlertsRules);
  std::vector<store::BackupFile> files = named_files(options, rules ? *rules : "");
  files.push_back({kAlertsDatabase, options.store_directory + "/alerts.db"});
  auto hold = store::StoreHold::take(options.store_directory);
  if (!hold) {
    if (hold.error().kind != ErrorKind::kUnavailable) return fail(std::move(hold).error());
    return fail(ErrorKind::kUnavailable, options.store_directory + ": a running server uses it; stop it first");
  }
  if (!request.force) RESMON_TRY(nothing_is_there(options, files, names));
  const std::string marker = unfinished_restore_marker(options.store_directory);
  RESMON_TRY(write_file_atomically(marker, request.file + "\n", 0600));
  auto restored = store::restore(request.file, options.store_directory, request.progress);
  if (!restored) {
    (void)::unlink(marker.c_str());  // nothing was replaced
    return fail(std::move(restored).error());
  }
  store::BackupReport report = *std::move(restored);
  RESMON_TRY(replace_files(request, files, names));
  if (::unlink(marker.c_str()) != 0) return fail(system_error(marker, errno));
  RESMON_TRY(describe(request.file, report));
  return report;
}

std::string unfinished_restore_marker(const std::string& store_directory) {
  return store_directory + "/restore-unfinished";
}

Status check_restored(const std::string& store_directory) {
  const auto file = read_file(unfinished_restore_marker(store_directory));
  if (!file) return {};
  std::string name = *file;
  while (name.ends_with('\n')) name.pop_back();
  return fail(ErrorKind::kDamaged,
              store_directory + ": a restore was interrupted; run it again: resmon-server restore --force " + name);
}

Result<std::optional<ReturningConfiguration>> bring_configuration(const std::string& backup, bool force) {
  RESMON_TRY(store::verify_backup(backup));
  const auto path = store::backup_file(backup, kConfigurationPath);
  if (!path) {
    if (path.error().kind == ErrorKind::kNotFound) return std::optional<ReturningConfiguration>();
    return fail(Error(path.error()));
  }
  RESMON_ASSIGN(const std::string content, store::backup_file(backup, kConfiguration));
  if (const auto there = read_file(*path); there && *there == content)
    return std::optional(ReturningConfiguration{*path, *path});
  if (exists(*path) && !force)
    return fail(ErrorKind::kInvalid,
                *path + " exists and differs; --force replaces it, --config " + *path + " keeps it");
  std::error_code ignored;
  fs::create_directories(fs::path(*path).parent_path(), ignored);
  ReturningConfiguration out{*path, *path + ".restoring"};
  RESMON_TRY(write_file_atomically(out.read_from, content, 0600));
  return std::optional(std::move(out));
}

Status settle_configuration(const ReturningConfiguration& returning) {
  if (returning.read_from == returning.path) return {};
  if (exists(returning.path)) {
    const std::string before = returning.path + ".before-restore";
    if (::rename(returning.path.c_str(), before.c_str()) != 0) return fail(system_error(before, errno));
    std::fprintf(stderr, "restore: %s is replaced; what it said is in %s\n", returning.path.c_str(), before.c_str());
  }
  if (::rename(returning.read_from.c_str(), returning.path.c_str()) != 0)
    return fail(system_error(returning.path, errno));
  return {};
}

void drop_configuration(const ReturningConfiguration& returning) {
  if (returning.read_from != returning.path) (void)::unlink(returning.read_from.c_str());
}

}  // namespace resmon::server
