// SQLite's write-ahead log is brought into the main file when a transaction's worth of pages is in it, by ourselves and
// not by SQLite's autocheckpoint: so it is known which marks the main file has, and what the log has besides can be
// replayed from where the marks point. The log's bound is the file layer's (bounded_files.h); here it is kept from
// being met: what is left of it once half is used is waited for.
//
// A start needs the log's index, a file of some 32 KiB, before anything can be read. So that a full disk does not keep
// the server from starting, the space for it is kept in a file that is removed when it is needed.

#include "store/store_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "store/bounded_files.h"
#include "store/fail_point.h"
#include "store/file_checksums.h"

namespace resmon::store {

namespace {

// Small pages: a chunk is a few KiB, and what it leaves free in its last page is lost. Measured on client data, 1 KiB
// took 15 % less disk than 4 KiB and 9 % less than 8 KiB, at the same speed.
constexpr int kPageBytes = 1024;
constexpr std::uint64_t kMaxWalBudgetBytes = 32U << 20U;
constexpr std::uint64_t kMinWalBudgetBytes = 256U << 10U;
constexpr std::uint64_t kWalShare = 6;  // of disk_limit_bytes, the log may take one of so many parts
constexpr std::size_t kMaxTransactionBytes = 4U << 20U;
constexpr std::size_t kMinTransactionBytes = 64U << 10U;
constexpr int kAttempts = 4;
constexpr std::uint64_t kFrameBytes = 1024 + 24;
constexpr std::uint64_t kFramesAnIndexBlock = 4062;
constexpr std::uint64_t kIndexBlockBytes = 32U << 10U;
constexpr std::uint64_t kDatabaseBytes = 32U << 10U;    // for pages that are written beside
constexpr std::uint64_t kOtherFilesBytes = 64U << 10U;  // the lock, the names of databases

constexpr const char* kTables =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE marks (name TEXT PRIMARY KEY, value BLOB NOT NULL, newest BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE measurements (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE columns (measurement_id INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,"
    " type INTEGER NOT NULL, PRIMARY KEY (measurement_id, id)) WITHOUT ROWID;"
    "CREATE TABLE groups (id INTEGER PRIMARY KEY, measurement_id INTEGER NOT NULL, tags BLOB NOT NULL);"
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY AUTOINCREMENT, tier INTEGER NOT NULL, group_id INTEGER NOT NULL,"
    " first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE INDEX chunks_by_group ON chunks (tier, group_id, last_time, first_time, rows);"
    "CREATE INDEX chunks_by_age ON chunks (tier, last_time);"
    "CREATE TABLE snapshots (number INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "INSERT INTO meta VALUES ('chunks', 0), ('flushes', 0);";

Unexpected<Error> unknown_version(const std::string& path, std::int64_t version) {
  return fail(ErrorKind::kUnsupported, path + ": format version " + std::to_string(version) +
                                           "; this build reads version " + std::to_string(kFormatVersion));
}

}  // namespace

std::string store_tables() {
  return kTables;
}

Result<Database> open_for_reading(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(system_error(path, errno));
  RESMON_ASSIGN(Database database, Database::open(path, Database::Mode::kReadOnly));
  const Result<std::int64_t> known = database.query_integer("PRAGMA application_id");
  if (!known) return fail(Error(known.error()).wrap(path));
  if (*known != kApplicationId)
    return fail(ErrorKind::kDamaged, path + ": not a resmon store (application id " + std::to_string(*known) + ")");
  RESMON_ASSIGN(const std::int64_t version, database.query_integer("PRAGMA user_version"));
  if (version != kFormatVersion) return unknown_version(path, version);
  return database;
}

Result<Fd> lock_directory(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::create_directories(directory, error)) {
    if (::chmod(directory.c_str(), 0700) != 0) return fail(system_error(directory, errno));
  } else if (error) {
    return fail(system_error(directory, error.value()));
  }
  const std::string path = directory + "/resmon.lock";
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return fail(system_error(path, errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(ErrorKind::kUnavailable, "another process has it open");
    return fail(system_error(path, errno));
  }
  return lock;
}

std::string database_path(const std::string& directory) {
  return directory + "/resmon.db";
}

StoreFile::StoreFile(const Options& options, Catalog& catalog, Marks& marks, const StoreTime& time,
                     ChunkTable::Changed changed)
    : options_(options),
      catalog_(catalog),
      marks_(marks),
      time_(time),
      path_(database_path(options.directory)),
      wal_budget_bytes_(options.disk_limit_bytes == 0
                            ? kMaxWalBudgetBytes
                            : std::clamp(options.disk_limit_bytes / kWalShare, kMinWalBudgetBytes, kMaxWalBudgetBytes)),
      transaction_bytes_(std::clamp(wal_budget_bytes_ / 4, kMinTransactionBytes, kMaxTransactionBytes)),
      chunks_(std::move(changed)) {}

Status StoreFile::open_read_only() {
  RESMON_ASSIGN(database_, open_for_reading(path_));
  return {};
}

Status StoreFile::open() {
  RESMON_TRY(drop_checksums(path_));  // of a backup that was put here
  RESMON_ASSIGN(database_, Database::open(path_, Database::Mode::kReadWrite,
                                          options_.disk_limit_bytes == 0 ? 0 : wal_budget_bytes_));
  bool fresh = false;
  RESMON_TRY(check_identity(fresh));
  RESMON_TRY(configure(fresh));
  RESMON_TRY(chunks_.prepare(database_));
  return reads_.prepare(database_, true);
}

// Nothing is changed before it is clear whose file this is.
Status StoreFile::check_identity(bool& fresh) {
  RESMON_ASSIGN(const std::int64_t version, database_.query_integer("PRAGMA user_version"));
  RESMON_ASSIGN(const std::int64_t application, database_.query_integer("PRAGMA application_id"));
  RESMON_ASSIGN(const std::int64_t pages, this->pages());
  fresh = version == 0 && application == 0 && pages == 0;
  const Result<std::int64_t> tables =
      database_.query_integer("SELECT count(*) FROM sqlite_schema WHERE name IN ('chunks', 'groups', 'marks', 'meta')");
  if (!fresh && application != kApplicationId) {
    // Zeros, where the head of the file is damaged; else it is somebody else's.
    const bool damaged = application == 0 && (tables ? *tables > 0 : tables.error().kind == ErrorKind::kDamaged);
    return fail(damaged ? ErrorKind::kDamaged : ErrorKind::kInvalid,
                path_ + ": not a resmon store (application id " + std::to_string(application) + ")");
  }
  if (!fresh && version != kFormatVersion) return unknown_version(path_, version);
  if (!tables) return fail(Error(tables.error()));
  if (!fresh && *tables < 4) return fail(ErrorKind::kDamaged, path_ + ": tables are missing in it");
  return {};
}

Status StoreFile::configure(bool fresh) {
  if (fresh) {
    RESMON_TRY(database_.execute("PRAGMA page_size = " + std::to_string(kPageBytes)));
    RESMON_TRY(database_.execute("PRAGMA auto_vacuum = INCREMENTAL"));
  }
  RESMON_TRY(database_.execute("PRAGMA journal_mode = WAL"));
  RESMON_TRY(database_.execute("PRAGMA synchronous = NORMAL"));
  watch_wal();
  RESMON_TRY(database_.execute("PRAGMA journal_size_limit = " + std::to_string(wal_budget_bytes_ / 2)));
  RESMON_TRY(database_.execute("PRAGMA cache_size = -16384"));
  // Some builds of SQLite write zeros over each page that is freed, which makes removing as dear as writing.
  RESMON_TRY(database_.execute("PRAGMA secure_delete = FAST"));
  if (!fresh) {
    RESMON_ASSIGN(const std::int64_t backup, database_.query_integer("SELECT count(*) FROM meta WHERE key = 'backup'"));
    return backup > 0 ? database_.execute("DELETE FROM meta WHERE key = 'backup'") : Status();
  }
  Transaction transaction(database_);
  RESMON_TRY(transaction.begin());
  RESMON_TRY(database_.execute(kTables));
  RESMON_TRY(database_.execute("PRAGMA application_id = " + std::to_string(kApplicationId)));
  RESMON_TRY(database_.execute("PRAGMA user_version = " + std::to_string(kFormatVersion)));
  return transaction.commit();
}

Status StoreFile::transact_once(const std::function<Status()>& body) {
  {
    Transaction transaction(database_);
    RESMON_TRY(transaction.begin());
    chunks_.begin();
    RESMON_TRY(body());
    RESMON_TRY(chunks_.save());
    RESMON_TRY(transaction.commit());
  }
  chunks_.committed();
  return bound_wal();
}

// `again`: it committed only a part of what is new in the catalog.
Status StoreFile::attempt(const std::function<Status()>& body, bool& again) {
  Transaction transaction(database_);
  RESMON_TRY(transaction.begin());
  chunks_.begin();
  RESMON_ASSIGN(const bool all_groups, catalog_.save(database_, transaction_bytes_));
  again = !all_groups;
  if (all_groups) {
    RESMON_TRY(body());
    RESMON_TRY(chunks_.save());
    fail_point("commit");
  }
  return transaction.commit();
}

Status StoreFile::transact(const std::function<Status()>& body) {
  const std::uint64_t refused_before = wal_refusals();
  for (int number = 1;;) {
    if (time_.late()) return StoreTime::out_of_time();
    // Many new groups take transactions of their own; what refers to them comes in a later one.
    bool again = false;
    Status status = attempt(body, again);
    if (status) {
      if (!again) {
        fail_point("committed");
        chunks_.committed();
        small_steps_ = false;
      }
      catalog_.saved();
      RESMON_TRY(bound_wal());
      if (!again) return {};
      continue;
    }
    const bool full = (sqlite3_extended_errcode(database_.handle()) & 0xff) == SQLITE_FULL;
    if (!full || options_.disk_limit_bytes == 0 || number == kAttempts) return status;
    RESMON_ASSIGN(const bool room, make_room(wal_refusals() != refused_before, number));
    if (!room) return status;
    ++number;
  }
}

// After a transaction that did not fit. False: it would not fit again.
Result<bool> StoreFile::make_room(bool log_was_full, int attempt) {
  // Against the write-ahead log's bound it helps to bring the log in, and to do less at once.
  if (log_was_full) {
    small_steps_ = checkpoint(SQLITE_CHECKPOINT_TRUNCATE) && wal_pages_ == 0 && attempt > 1;
    return true;
  }
  // Either the file's limit or the disk. Removing chunks helps against the first only, and then only if there are some.
  RESMON_ASSIGN(const std::int64_t pages, this->pages());
  RESMON_ASSIGN(const std::int64_t limit, most_pages());
  // What the transaction may have needed, and more each time.
  const auto needed = static_cast<std::int64_t>(transaction_bytes_ / kPageBytes) * 2;
  if (pages + needed < limit) return false;
  RESMON_ASSIGN(const std::size_t removed, evict_(std::max(limit / 16, needed) * attempt));
  if (removed == 0 && small_steps_) return false;
  small_steps_ = removed == 0;
  return true;
}

void StoreFile::watch_wal() {
  sqlite3_wal_hook(
      database_.handle(),
      [](void* file, sqlite3*, const char*, int pages) {
        static_cast<StoreFile*>(file)->wal_pages_ = static_cast<std::size_t>(pages);
        return SQLITE_OK;
      },
      this);
}

// After each commit.
Status StoreFile::bound_wal() {
  const std::uint64_t bytes = wal_pages_ * kFrameBytes;
  if (bytes < transaction_bytes_) return {};
  // Half the budget: readers are waited for, so that the log starts over. Should that fail, the next transaction tries
  // again.
  (void)checkpoint(bytes < wal_budget_bytes_ / 2 ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE);
  return {};
}

Status StoreFile::checkpoint(int mode) {
  int pages = 0;
  int done = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, mode, &pages, &done);
  if (code != SQLITE_OK) return fail(sqlite_error(database_.handle(), code, "wal_checkpoint"));
  if (pages != done) return {};
  if (mode == SQLITE_CHECKPOINT_TRUNCATE) wal_pages_ = 0;
  marks_.all_checkpointed();
  return {};
}

Status StoreFile::shrink(std::int64_t at_most_pages) {
  RESMON_ASSIGN(const std::int64_t free, free_pages());
  if (free == 0) return {};
  for (std::int64_t done = 0; done < std::min(at_most_pages, free) && !time_.late_to_seal();) {
    const std::int64_t step =
        std::min(at_most_pages - done, static_cast<std::int64_t>(transaction_bytes_) / kPageBytes);
    RESMON_TRY(database_.execute("PRAGMA incremental_vacuum(" + std::to_string(step) + ")"));
    RESMON_TRY(bound_wal());
    done += step;
  }
  return {};
}

std::uint64_t StoreFile::reserve_bytes() const {
  return (wal_budget_bytes_ / kFrameBytes / kFramesAnIndexBlock + 1) * kIndexBlockBytes + kDatabaseBytes;
}

std::uint64_t StoreFile::beside_bytes() const {
  return wal_budget_bytes_ + 2 * reserve_bytes() + kOtherFilesBytes;
}

void StoreFile::keep_reserve() {
  if (has_reserve_) return;
  const std::string path = options_.directory + "/reserve";
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  has_reserve_ = file.valid() && ::posix_fallocate(file.get(), 0, static_cast<off_t>(reserve_bytes())) == 0;
  if (file.valid() && !has_reserve_) (void)::unlink(path.c_str());
}

bool StoreFile::spend_reserve() {
  has_reserve_ = false;
  return ::unlink((options_.directory + "/reserve").c_str()) == 0;
}

}  // namespace resmon::store
