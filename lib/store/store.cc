// The embedded store. One SQLite file is index, allocator and transaction log for compressed chunks; everything that
// makes it small and fast happens before SQLite sees the data.
//
// A written row goes to its group's head in memory (head.h), compressed, from where readers see it at once. Whoever
// writes keeps the row in a log of its own, the journal, until a mark says that the file has it. A head that is long or
// old enough is sealed: encoded as a chunk and committed. Now and then heads are committed as they are
// (store_snapshots.cc), so that a start need not read much of the journal. Rows that the file has and the journal
// brings again are equal, and the next seal joins them.
//
// Rejected: writing each head to its own row every checkpoint (1,000 hosts are 25,000 rows every ten seconds); keeping
// a group's chunks together in a WITHOUT ROWID table (SQLite then keeps a quarter page of a blob in the tree and leaves
// half an overflow page empty: a third more disk); SQLite's exclusive locking mode (readers need connections of their
// own; a lock on a file beside it says the same thing).

#include "store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/log.h"
#include "store/bounded_files.h"
#include "store/damaged_file.h"
#include "store/embedded_store.h"
#include "store/fail_point.h"
#include "store/file_checksums.h"
#include "store/store_connection.h"

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
constexpr std::size_t kMaxHeadBytes = 4U << 20U;
constexpr std::size_t kMaxMarkBytes = 65'536;

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

UnixNanos minus(UnixNanos a, UnixNanos b) {
  UnixNanos result = 0;
  return __builtin_sub_overflow(a, b, &result) ? (b > 0 ? INT64_MIN : INT64_MAX) : result;
}
UnixNanos plus(UnixNanos a, UnixNanos b) {
  UnixNanos result = 0;
  return __builtin_add_overflow(a, b, &result) ? (b > 0 ? INT64_MAX : INT64_MIN) : result;
}

Result<std::unique_ptr<Store>> Store::open(const Options& options, const metric::SchemaTable& schemas) {
  auto store = std::make_unique<EmbeddedStore>(options, schemas);
  Status started = store->start({});
  if (!started && started.error().kind == ErrorKind::kDamaged && !options.read_only) {
    Fd lock = store->give_lock();
    store.reset();
    RESMON_ASSIGN(const std::string aside, set_damaged_aside(options.directory, Clock::system().wall()));
    log::error("store", "the file is damaged and was set aside; another is made, of what the journal has",
               {{"reason", started.error().message}, {"file", aside}});
    store = std::make_unique<EmbeddedStore>(options, schemas);
    started = store->start(std::move(lock));
  }
  if (!started) return fail(std::move(started).error().wrap("store " + options.directory));
  return std::unique_ptr<Store>(std::move(store));
}

EmbeddedStore::EmbeddedStore(const Options& options, const metric::SchemaTable& schemas)
    : options_([&] {
        Options checked = options;
        checked.rows_per_chunk = std::clamp<std::uint32_t>(options.rows_per_chunk, 2, 8192);
        // Heads are on disk too, in snapshots, and cannot be removed to make room.
        if (options.disk_limit_bytes > 0)
          checked.head_limit_bytes = std::min(options.head_limit_bytes, options.disk_limit_bytes / 8);
        return checked;
      }()),
      schemas_(schemas),
      path_(database_path(options.directory)),
      wal_budget_bytes_(options.disk_limit_bytes == 0
                            ? kMaxWalBudgetBytes
                            : std::clamp(options.disk_limit_bytes / kWalShare, kMinWalBudgetBytes, kMaxWalBudgetBytes)),
      transaction_bytes_(std::clamp(wal_budget_bytes_ / 4, kMinTransactionBytes, kMaxTransactionBytes)),
      // What is sealed of one group goes into one transaction, with room for the pages around it.
      max_head_bytes_(options.disk_limit_bytes == 0 ? kMaxHeadBytes : std::min(kMaxHeadBytes, transaction_bytes_ / 2)),
      catalog_(options.max_groups, options.max_columns_per_measurement),
      plans_(schemas, catalog_,
             [this](GroupId id, MeasurementId measurement) -> GroupState& {
               catalog_dirty_ = true;
               GroupState& group = add_group_state(id);
               group.measurement = measurement;
               return group;
             }),
      chunk_cache_(options.chunk_cache_bytes),
      chunk_lists_(options.chunk_cache_bytes / 4) {}

Status EmbeddedStore::start(Fd lock) {
  if (options_.read_only) {
    RESMON_ASSIGN(database_, open_for_reading(path_));
    // Of one moment: the log's rows are of groups that the catalog has.
    RESMON_TRY(database_.execute("BEGIN"));
    RESMON_TRY(load_catalog());
    closed_ = true;
    return database_.execute("COMMIT");
  }
  lock_ = std::move(lock);
  if (!lock_.valid()) {
    RESMON_ASSIGN(lock_, lock_directory(options_.directory));
  }
  Status prepared = prepare_file();
  // A full disk has no room even for the log's index, without which nothing can be read.
  if (!prepared && prepared.error().kind == ErrorKind::kUnavailable && spend_reserve()) prepared = prepare_file();
  RESMON_TRY(prepared);
  RESMON_TRY(load_catalog());
  // What a crash left in the write-ahead log may not have reached the disk yet. A full disk is no reason not to start:
  // what is there can be read, and marks become durable once there is room.
  if (Status done = checkpoint(SQLITE_CHECKPOINT_TRUNCATE); done)
    marks_.all_synced();
  else
    log::warn("store", "the write-ahead log cannot be brought in now", {{"reason", done.error().message}});
  if (Status limited = apply_size_limit(); !limited) {
    if (limited.error().kind != ErrorKind::kUnavailable) return limited;
    log::warn("store", "the size limit cannot be kept now", {{"reason", limited.error().message}});
  }
  keep_reserve();
  return {};
}

Status EmbeddedStore::load_catalog() {
  RESMON_TRY(catalog_.load(database_));
  for (GroupId id = 0; id < catalog_.group_bound(); ++id) add_group_state(id);
  RESMON_TRY(load_totals());
  RESMON_TRY(marks_.load(database_));
  if (!options_.read_only) RESMON_TRY(load_removal());
  return load_snapshots();
}

Status EmbeddedStore::prepare_file() {
  RESMON_TRY(drop_checksums(path_));  // of a backup that was put here
  RESMON_ASSIGN(database_, Database::open(path_, Database::Mode::kReadWrite,
                                          options_.disk_limit_bytes == 0 ? 0 : wal_budget_bytes_));
  // Nothing is changed before it is clear whose file this is.
  RESMON_ASSIGN(const std::int64_t version, database_.query_integer("PRAGMA user_version"));
  RESMON_ASSIGN(const std::int64_t application, database_.query_integer("PRAGMA application_id"));
  RESMON_ASSIGN(const std::int64_t pages, database_.query_integer("PRAGMA page_count"));
  const bool fresh = version == 0 && application == 0 && pages == 0;
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
  if (fresh) {
    Transaction transaction(database_);
    RESMON_TRY(transaction.begin());
    RESMON_TRY(database_.execute(kTables));
    RESMON_TRY(database_.execute("PRAGMA application_id = " + std::to_string(kApplicationId)));
    RESMON_TRY(database_.execute("PRAGMA user_version = " + std::to_string(kFormatVersion)));
    RESMON_TRY(transaction.commit());
  } else {
    RESMON_ASSIGN(const std::int64_t backup, database_.query_integer("SELECT count(*) FROM meta WHERE key = 'backup'"));
    if (backup > 0) RESMON_TRY(database_.execute("DELETE FROM meta WHERE key = 'backup'"));
  }
  RESMON_ASSIGN(insert_chunk_,
                database_.prepare("INSERT INTO chunks (tier, group_id, first_time, last_time, rows, data)"
                                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  RESMON_ASSIGN(delete_chunk_, database_.prepare("DELETE FROM chunks WHERE id = ?1"));
  RESMON_ASSIGN(select_near_,
                database_.prepare("SELECT id, first_time, last_time, rows FROM chunks WHERE tier = ?4 AND group_id = ?1"
                                  " AND last_time >= ?2 AND last_time <= ?3"));
  RESMON_ASSIGN(select_first_after_,
                database_.prepare("SELECT first_time FROM chunks WHERE tier = 0 AND group_id = ?1 AND last_time >= ?2"
                                  " ORDER BY first_time LIMIT 1"));
  RESMON_ASSIGN(select_newest_, database_.prepare("SELECT last_time, rows FROM chunks WHERE tier = 0 AND group_id = ?1"
                                                  " ORDER BY last_time DESC LIMIT 1"));
  return select_.prepare(database_);
}

GroupState& EmbeddedStore::add_group_state(GroupId id) {
  std::unique_lock lock(groups_mutex_);
  while (groups_.size() <= id) {
    const auto next = static_cast<GroupId>(groups_.size());
    GroupState& group = groups_.emplace_back();
    group.id = next;
    if (catalog_.knows(next)) group.measurement = catalog_.measurement_of(next);
    // Groups begin together; the first seal spreads them, so that they are not all sealed in the same second for ever.
    const std::uint32_t half = std::max<std::uint32_t>(options_.rows_per_chunk / 2, 1);
    group.seal_rows = options_.rows_per_chunk - (next * 2654435761U >> 8U) % half;
    ages_.emplace_back();
  }
  return groups_[id];
}

Status EmbeddedStore::in_transaction(const std::function<Status()>& body) {
  constexpr int kAttempts = 4;
  const std::uint64_t refused_before = wal_refusals();
  for (int attempt = 1;; ++attempt) {
    if (late(end_by_)) return out_of_time();
    Status status;
    {
      Transaction transaction(database_);
      status = transaction.begin();
      totals_ = committed_;
      rewritten_.clear();
      bool all_groups = true;
      if (status) {
        const Result<bool> saved = catalog_.save(database_, transaction_bytes_);
        if (saved)
          all_groups = *saved;
        else
          status = fail(Error(saved.error()));
      }
      if (status && !all_groups) {
        // Many new groups take transactions of their own; what refers to them comes in a later one.
        status = transaction.commit();
        if (status) {
          catalog_.saved();
          RESMON_TRY(bound_wal());
          --attempt;
          continue;
        }
      }
      if (status) status = body();
      if (status) status = save_totals();
      if (status) fail_point("commit");
      if (status) status = transaction.commit();
    }
    if (status) {
      fail_point("committed");
      for (GroupState* const group : rewritten_) ++group->chunks_version;
      commit_totals();
      catalog_.saved();
      small_steps_ = false;
      return bound_wal();
    }
    const bool full = (sqlite3_extended_errcode(database_.handle()) & 0xff) == SQLITE_FULL;
    if (!full || options_.disk_limit_bytes == 0 || attempt == kAttempts) return status;
    // Against the write-ahead log's bound it helps to bring the log in, and to do less at once.
    if (wal_refusals() != refused_before) {
      small_steps_ = checkpoint(SQLITE_CHECKPOINT_TRUNCATE) && wal_pages_ == 0 && attempt > 1;
      continue;
    }
    // Either the file's limit or the disk. Removing chunks helps against the first only, and then only if there are
    // some.
    RESMON_ASSIGN(const std::int64_t pages, database_.query_integer("PRAGMA page_count"));
    RESMON_ASSIGN(const std::int64_t limit, database_.query_integer("PRAGMA max_page_count"));
    if (pages + static_cast<std::int64_t>(transaction_bytes_ / kPageBytes) * 2 < limit) return status;
    // What the transaction may have needed, and more each time.
    const auto needed = static_cast<std::int64_t>(transaction_bytes_ / kPageBytes) * 2;
    RESMON_ASSIGN(const std::size_t removed, evict(std::max(limit / 16, needed) * attempt));
    if (removed == 0 && small_steps_) return status;
    small_steps_ = removed == 0;
  }
}

Status EmbeddedStore::maintain(UnixNanos now) {
  constexpr std::size_t kSealsACall = 2048;
  if (closed_) return fail(ErrorKind::kInvalid, "store is closed");
  if (now < now_) last_checkpoint_ = last_retention_ = 0;  // the clock was set back
  if (now < now_ || last_snapshot_ == 0) last_snapshot_ = now;
  now_ = now;
  RESMON_TRY(finish_removal());
  // Retention is of chunks, so no head is kept for longer than rows are.
  const auto rows_kept = options_.retain.count() > 0 ? options_.retain : options_.seal_after;
  const UnixNanos seal_after = std::chrono::nanoseconds(std::min(options_.seal_after, rows_kept)).count();
  if (snapshots_.bytes() > snapshots_limit_bytes()) mark_oldest_saved();
  std::vector<GroupId> aged;
  for (std::size_t id = 0; id < ages_.size(); ++id) {
    HeadAge& age = ages_[id];
    if (!age.open) continue;
    if (age.opened == 0 || age.opened > now) age.opened = now;
    if (now - age.opened >= seal_after && !groups_[id].due) aged.push_back(static_cast<GroupId>(id));
  }
  RESMON_TRY(drop_expired(aged));
  // Everything that touches the file waits for the checkpoint, so that it shares transactions; except when much is due.
  const bool checkpoint = minus(now, last_checkpoint_) >= std::chrono::nanoseconds(options_.checkpoint_every).count();
  if (due_.size() >= kSealsACall / 2 || checkpoint) RESMON_TRY(seal_due(kSealsACall));
  if (!checkpoint) {
    if (retention_behind_) RESMON_TRY(retain(now));
    return forget_unused();
  }
  RESMON_TRY(keep_snapshots());
  // Whoever keeps a position here trims a log by it: that is worth an fdatasync when it moves.
  RESMON_TRY(commit_marks(marks_.to_sync(needed_epoch())));
  last_checkpoint_ = now;
  keep_reserve();
  RESMON_TRY(retain(now));
  return forget_unused();
}

Status EmbeddedStore::set_mark(std::string_view name, std::string_view value) {
  if (closed_) return fail(ErrorKind::kInvalid, "store is closed");
  if (name.empty() || name.size() > 255 || value.size() > kMaxMarkBytes)
    return fail(ErrorKind::kInvalid, "store: a mark's name has 1 to 255 bytes and its value at most 65536");
  marks_.set(name, value, counters_.stored);
  return {};
}

Status EmbeddedStore::flush() {
  if (closed_) return fail(ErrorKind::kInvalid, "store is closed");
  RESMON_TRY(save_heads());
  RESMON_TRY(commit_marks(true));
  // A reader in the way is no failure: what was written is synced.
  (void)checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  return {};
}

Status EmbeddedStore::out_of_time() const {
  return fail(ErrorKind::kUnavailable, "store: no time is left to write");
}

Status EmbeddedStore::close() {
  if (closed_) return {};
  RESMON_TRY(seal_all());
  RESMON_TRY(save_heads());
  RESMON_TRY(commit_marks(true));
  RESMON_TRY(trim_snapshots());
  RESMON_TRY(shrink(INT64_C(1) << 16U));
  closed_ = true;
  {
    std::lock_guard lock(pool_mutex_);
    pool_.clear();
  }
  keep_reserve();
  return checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
}

Stats EmbeddedStore::stats() const {
  Stats stats;
  const Catalog::Counts counts = catalog_.counts();
  stats.groups = counts.groups;
  stats.buried_groups = counts.buried;
  stats.forgotten_groups = counters_.forgotten_groups;
  stats.measurements = counts.measurements;
  stats.most_columns = counts.most_columns;
  stats.max_groups = options_.max_groups;
  stats.max_columns = options_.max_columns_per_measurement;
  stats.head_rows = counters_.head_rows;
  stats.head_bytes = counters_.head_bytes;
  stats.chunks = counters_.chunks;
  stats.stored_samples = counters_.stored;
  stats.refused_samples = counters_.refused;
  stats.rows_bytes = counters_.tier_bytes[kTierRaw];
  stats.minutes_bytes = counters_.tier_bytes[kTierMinute];
  stats.hours_bytes = counters_.tier_bytes[kTierHour];
  stats.rows_oldest = counters_.oldest[kTierRaw];
  stats.minutes_oldest = counters_.oldest[kTierMinute];
  stats.hours_oldest = counters_.oldest[kTierHour];
  stats.damaged_chunks = counters_.damaged;
  stats.expired_chunks = counters_.expired;
  stats.expired_heads = counters_.expired_heads;
  stats.evicted_chunks = counters_.evicted;
  stats.deletions = counters_.deletions;
  stats.deleted_rows = counters_.deleted_rows;
  std::error_code ignored;
  for (std::filesystem::directory_iterator file(options_.directory, ignored), end; !ignored && file != end;
       file.increment(ignored)) {
    struct stat info {};
    if (::lstat(file->path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
      stats.disk_bytes += static_cast<std::uint64_t>(info.st_size);
  }
  return stats;
}

}  // namespace resmon::store
