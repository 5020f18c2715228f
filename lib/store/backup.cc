// A backup beside a writer. One read transaction over the whole file would be simple, and so would SQLite's backup API
// and VACUUM INTO, which are that; but as long as it is open the write-ahead log can only grow, past the share of the
// disk that it has. So chunks, which never change once written, are copied by id a few at a time, each time in a
// transaction of its own. They can be joined or removed meanwhile, so this goes on until little is new; then one last,
// short transaction copies the rest and everything else, and takes out again what is gone.

#include "store/backup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "store/fail_point.h"
#include "store/file_checksums.h"
#include "store/store_file.h"

namespace resmon::store {

namespace {

constexpr std::int64_t kChunksAStep = 512;
constexpr int kPasses = 16;
constexpr std::size_t kPartBytes = 1U << 20U;

constexpr const char* kFilesTable =
    "CREATE TABLE files (name TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (name, part))";

enum class Kind { kBackup, kRestored };

class Copy {
 public:
  Copy(Database from, Database to, Kind kind, const BackupProgress& progress)
      : from_(std::move(from)), to_(std::move(to)), kind_(kind), progress_(progress) {}

  Result<BackupReport> run(const BackupOptions& options) {
    BackupReport report;
    RESMON_ASSIGN(const std::int64_t page, from_.query_integer("PRAGMA page_size"));
    RESMON_TRY(to_.execute("PRAGMA page_size = " + std::to_string(page)));
    RESMON_TRY(to_.execute("PRAGMA auto_vacuum = INCREMENTAL"));
    RESMON_TRY(to_.execute("PRAGMA journal_mode = OFF"));
    RESMON_TRY(to_.execute("PRAGMA synchronous = OFF"));
    RESMON_TRY(to_.execute("BEGIN"));
    RESMON_TRY(to_.execute(store_tables()));
    const bool more = !options.files.empty() || !options.texts.empty();
    if (more) RESMON_TRY(to_.execute(kFilesTable));
    for (const auto& [name, text] : options.texts) RESMON_TRY(put_part(name, 0, text));
    for (const BackupFile& file : options.files) {
      RESMON_ASSIGN(const bool copied, copy_file(file));
      report.files += copied ? 1 : 0;
    }
    RESMON_ASSIGN(select_, from_.prepare("SELECT id, tier, group_id, first_time, last_time, rows, data FROM chunks"
                                         " WHERE id > ?1 ORDER BY id LIMIT ?2"));
    RESMON_ASSIGN(insert_, to_.prepare("INSERT INTO chunks (id, tier, group_id, first_time, last_time, rows, data)"
                                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
    for (int pass = 0; pass < kPasses; ++pass) {
      RESMON_ASSIGN(const std::int64_t copied, copy_chunks());
      if (copied <= kChunksAStep) break;
    }
    RESMON_TRY(from_.execute("BEGIN"));
    RESMON_TRY(copy_chunks());
    RESMON_TRY(remove_gone());
    RESMON_TRY(copy_rest());
    RESMON_TRY(from_.execute("COMMIT"));
    RESMON_TRY(to_.execute("PRAGMA application_id = " + std::to_string(kApplicationId)));
    RESMON_TRY(to_.execute("PRAGMA user_version = " + std::to_string(kFormatVersion)));
    RESMON_TRY(to_.execute("COMMIT"));
    RESMON_ASSIGN(const std::int64_t chunks, to_.query_integer("SELECT count(*) FROM chunks"));
    report.chunks = static_cast<std::uint64_t>(chunks);
    return report;
  }

 private:
  // False: there is no such file.
  Result<bool> copy_file(const BackupFile& file) {
    const Fd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) {
      if (errno == ENOENT) return false;
      return fail(system_error(file.path, errno));
    }
    std::string bytes(kPartBytes, '\0');
    for (std::int64_t part = 0;; ++part) {
      const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), part * static_cast<off_t>(kPartBytes));
      if (got < 0) return fail(system_error(file.path, errno));
      const std::string_view data(bytes.data(), static_cast<std::size_t>(got));
      const std::size_t end = data.find_last_not_of('\0') + 1;  // what a file reserves and has not written is zeros
      if (end > 0 || part == 0) RESMON_TRY(put_part(file.name, part, data.substr(0, end)));
      if (data.size() < kPartBytes) return true;
    }
  }

  Status put_part(const std::string& name, std::int64_t part, std::string_view data) {
    RESMON_ASSIGN(Statement insert, to_.prepare("INSERT INTO files (name, part, data) VALUES (?1, ?2, ?3)"));
    return insert.bind_text(1, name).bind(2, part).bind_blob(3, data).run();
  }

  // What is newer than last_id_; how many that were.
  Result<std::int64_t> copy_chunks() {
    RESMON_ASSIGN(const std::int64_t all, from_.query_integer("SELECT ifnull(max(id), 0) FROM chunks"));
    std::int64_t copied = 0;
    while (true) {
      std::int64_t step = 0;
      {
        StatementReset reset(select_);
        select_.bind(1, last_id_).bind(2, kChunksAStep);
        while (true) {
          RESMON_ASSIGN(const bool row, select_.step());
          if (!row) break;
          ++step;
          last_id_ = select_.integer(0);
          for (int column = 0; column < 6; ++column) insert_.bind(column + 1, select_.integer(column));
          RESMON_TRY(insert_.bind_blob(7, select_.blob(6)).run());
        }
      }
      copied += step;
      fail_point("backup");
      if (progress_ &&
          !progress_(static_cast<std::uint64_t>(last_id_), static_cast<std::uint64_t>(std::max(all, last_id_))))
        return fail(ErrorKind::kUnavailable, "backup: stopped");
      if (step < kChunksAStep) return copied;
    }
  }

  // Both sides' ids ascend: what the copy has and the store no longer has goes.
  Status remove_gone() {
    RESMON_ASSIGN(Statement there, from_.prepare("SELECT id FROM chunks ORDER BY id"));
    RESMON_ASSIGN(Statement here, to_.prepare("SELECT id FROM chunks ORDER BY id"));
    std::vector<std::int64_t> gone;
    RESMON_ASSIGN(bool more, there.step());
    while (true) {
      RESMON_ASSIGN(const bool row, here.step());
      if (!row) break;
      const std::int64_t id = here.integer(0);
      while (more && there.integer(0) < id) {
        RESMON_ASSIGN(more, there.step());
      }
      if (!more || there.integer(0) != id) gone.push_back(id);
    }
    here.reset();
    RESMON_ASSIGN(Statement remove, to_.prepare("DELETE FROM chunks WHERE id = ?1"));
    for (const std::int64_t id : gone) RESMON_TRY(remove.bind(1, id).run());
    return {};
  }

  Status copy_rest() {
    RESMON_TRY(to_.execute("DELETE FROM meta"));
    for (const auto& [table, columns] :
         {std::pair{"meta", 2}, {"marks", 3}, {"measurements", 2}, {"columns", 4}, {"groups", 3}, {"snapshots", 2}}) {
      std::string places = "?1";
      for (int column = 2; column <= columns; ++column) places += ", ?" + std::to_string(column);
      RESMON_ASSIGN(Statement select, from_.prepare(std::string("SELECT * FROM ") + table));
      RESMON_ASSIGN(Statement insert, to_.prepare(std::string("INSERT INTO ") + table + " VALUES (" + places + ")"));
      while (true) {
        RESMON_ASSIGN(const bool row, select.step());
        if (!row) break;
        for (int column = 0; column < columns; ++column) insert.bind_value(column + 1, select, column);
        RESMON_TRY(insert.run());
      }
    }
    // So that one without its checksums is not taken for a store's file that never had any.
    return to_.execute(kind_ == Kind::kBackup ? "INSERT INTO meta VALUES ('backup', 1)"
                                              : "DELETE FROM meta WHERE key = 'backup'");
  }

  Database from_;
  Database to_;
  const Kind kind_;
  const BackupProgress& progress_;
  Statement select_;
  Statement insert_;
  std::int64_t last_id_ = 0;
};

Status sync_path(const std::string& path, int flags) {
  const Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return fail(system_error(path, errno));
  return {};
}

Result<BackupReport> write_copy(const std::string& source, const std::string& partial, Kind kind,
                                const BackupOptions& options) {
  RESMON_ASSIGN(Database from, open_for_reading(source));
  RESMON_ASSIGN(Database to, Database::open(partial, Database::Mode::kReadWrite));
  RESMON_ASSIGN(BackupReport report, Copy(std::move(from), std::move(to), kind, options.progress).run(options));
  if (kind == Kind::kBackup) RESMON_TRY(append_checksums(partial));
  RESMON_TRY(sync_path(partial, O_RDWR));
  struct stat info {};
  if (::stat(partial.c_str(), &info) == 0) report.bytes = static_cast<std::uint64_t>(info.st_size);
  return report;
}

// `source`, a store's file, becomes `file`; `beside` are files that belong to what `file` was and go with it.
Result<BackupReport> copy_store(const std::string& source, const std::string& file, Kind kind,
                                const BackupOptions& options, const std::vector<std::string>& beside) {
  const std::string partial = file + ".partial";
  const Fd lock(::open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return fail(system_error(partial, errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(ErrorKind::kUnavailable, partial + ": another backup is being written");
    return fail(system_error(partial, errno));
  }
  // What one that was killed left is written over; nobody else reads it.
  if (::fchmod(lock.get(), 0600) != 0 || ::ftruncate(lock.get(), 0) != 0) return fail(system_error(partial, errno));
  Result<BackupReport> report = write_copy(source, partial, kind, options);
  if (!report) {
    ::unlink(partial.c_str());
    return report;
  }
  fail_point("backup rename");
  for (const std::string& path : beside)
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(system_error(path, errno));
  if (::renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, file.c_str(), options.replace ? 0 : RENAME_NOREPLACE) != 0) {
    const int error = errno;
    ::unlink(partial.c_str());
    return fail(system_error(file, error));
  }
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
  RESMON_TRY(sync_path(folder.string(), O_RDONLY | O_DIRECTORY));
  return report;
}

}  // namespace

Result<BackupReport> backup(const std::string& directory, const std::string& file, const BackupOptions& options) {
  struct stat info {};
  if (::stat(database_path(directory).c_str(), &info) != 0) return fail(system_error(database_path(directory), errno));
  if (!options.replace && ::lstat(file.c_str(), &info) == 0)
    return fail(ErrorKind::kInvalid, file + ": there is one already; --force replaces it");
  return copy_store(database_path(directory), file, Kind::kBackup, options, {});
}

Result<std::vector<std::string>> backup_files(const std::string& backup) {
  RESMON_ASSIGN(Database database, open_for_reading(backup));
  std::vector<std::string> names;
  RESMON_ASSIGN(const std::int64_t tables,
                database.query_integer("SELECT count(*) FROM sqlite_schema WHERE name = 'files'"));
  if (tables == 0) return names;
  RESMON_ASSIGN(Statement select, database.prepare("SELECT DISTINCT name FROM files ORDER BY name"));
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) return names;
    names.emplace_back(select.blob(0));
  }
}

Result<std::string> backup_file(const std::string& backup, const std::string& name) {
  RESMON_ASSIGN(Database database, open_for_reading(backup));
  RESMON_ASSIGN(Statement select, database.prepare("SELECT part, data FROM files WHERE name = ?1 ORDER BY part"));
  select.bind_text(1, name);
  std::string content;
  bool any = false;
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) break;
    any = true;
    content.resize(static_cast<std::size_t>(select.integer(0)) * kPartBytes, '\0');
    content += select.blob(1);
  }
  if (!any) return fail(ErrorKind::kNotFound, backup + ": no " + name + " in it");
  return content;
}

Status verify_backup(const std::string& backup) {
  Status verified = verify_checksums(backup);
  if (verified || verified.error().kind != ErrorKind::kNotFound) return verified;
  struct stat info {};
  if (::stat(backup.c_str(), &info) != 0) return verified;
  return fail(ErrorKind::kDamaged, backup + ": no backup, or cut short: it does not end with checksums");
}

Result<bool> is_backup(const std::string& file) {
  RESMON_ASSIGN(Database database, open_for_reading(file));
  RESMON_ASSIGN(const std::int64_t marks, database.query_integer("SELECT count(*) FROM meta WHERE key = 'backup'"));
  return marks > 0;
}

Result<StoreHold> StoreHold::take(const std::string& directory) {
  RESMON_ASSIGN(Fd lock, lock_directory(directory));
  return StoreHold(std::move(lock));
}

Result<BackupReport> restore(const std::string& backup, const std::string& directory, const BackupProgress& progress) {
  const std::string database = database_path(directory);
  RESMON_TRY(verify_backup(backup));
  return copy_store(backup, database, Kind::kRestored, {{}, {}, true, progress},
                    {database + "-wal", database + "-shm"});
}

}  // namespace resmon::store
