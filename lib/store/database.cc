#include "store/database.h"

#include "store/bounded_files.h"

namespace resmon::store {

Error sqlite_error(sqlite3* handle, int code, std::string_view what) {
  Error error;
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      error.kind = ErrorKind::kDamaged;
      break;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      error.kind = ErrorKind::kUnavailable;
      break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      error.kind = ErrorKind::kDenied;
      break;
    case SQLITE_TOOBIG:
      error.kind = ErrorKind::kLimit;
      break;
    default:
      error.kind = ErrorKind::kInternal;
  }
  error.message = std::string(what) + ": " + (handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
  return error;
}

Statement& Statement::bind(int index, std::int64_t v) {
  sqlite3_bind_int64(statement_.get(), index, v);
  return *this;
}

Statement& Statement::bind_text(int index, std::string_view v) {
  sqlite3_bind_text64(statement_.get(), index, v.data() != nullptr ? v.data() : "", v.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view v) {
  sqlite3_bind_blob64(statement_.get(), index, v.data() != nullptr ? v.data() : "", v.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_value(int index, const Statement& from, int column) {
  sqlite3_bind_value(statement_.get(), index, sqlite3_column_value(from.statement_.get(), column));
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(sqlite_error(sqlite3_db_handle(statement_.get()), code, "store"));
}

Status Statement::run() {
  while (true) {
    const auto row = step();
    if (!row) {
      Error error = row.error();
      reset();
      return fail(std::move(error));
    }
    if (!*row) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::blob(int column) const {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

Result<Database> Database::open(const std::string& path, Mode mode, std::uint64_t wal_limit_bytes) {
  // Nobody asks SQLite how much memory it has, and counting that takes one lock for all threads at each allocation.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  const int flags = mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(bounded_name(path, wal_limit_bytes).c_str(), &handle,
                      flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, bounded_files());
  Database database;
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return fail(sqlite_error(handle, code, path));
  // Readers and the writer share one process; they meet only in short locks around the write-ahead log's index.
  sqlite3_busy_timeout(handle, 2000);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement;
  statement.statement_.reset(raw);
  if (code != SQLITE_OK) return fail(sqlite_error(handle_.get(), code, sql));
  return statement;
}

Status Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(handle_.get(), code, sql));
  return {};
}

Result<std::int64_t> Database::query_integer(std::string_view sql) {
  RESMON_ASSIGN(Statement statement, prepare(sql));
  RESMON_ASSIGN(const bool row, statement.step());
  if (!row) return fail(ErrorKind::kNotFound, std::string(sql) + ": no row");
  return statement.integer(0);
}

Transaction::~Transaction() {
  // SQLite itself rolls back after some errors, such as a full disk.
  if (open_ && database_.in_transaction()) (void)database_.execute("ROLLBACK");
}

Status Transaction::begin() {
  RESMON_TRY(database_.execute("BEGIN IMMEDIATE"));
  open_ = true;
  return {};
}

Status Transaction::commit() {
  RESMON_TRY(database_.execute("COMMIT"));
  open_ = false;
  return {};
}

}  // namespace resmon::store
