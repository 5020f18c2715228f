#pragma once

// SQLite with the project's errors: connections, statements, transactions. One connection is used by one thread at a
// time.

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::store {

class Database;

// A prepared statement, to be used again and again. Not to outlive its database.
class Statement {
 public:
  Statement() = default;

  // Parameters count from 1. Text and blobs are not copied: they must live until the next reset.
  Statement& bind(int index, std::int64_t v);
  Statement& bind_text(int index, std::string_view v);
  Statement& bind_blob(int index, std::string_view v);
  Statement& bind_value(int index, const Statement& from, int column);  // copied

  Result<bool> step();  // true: there is a row
  Status run();         // step to the end, then reset
  void reset();

  std::int64_t integer(int column) const;
  std::string_view blob(int column) const;  // or text; valid until the next step or reset

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Resets a statement when a block is left, so that no read transaction stays open.
class StatementReset {
 public:
  explicit StatementReset(Statement& statement) : statement_(statement) {}
  ~StatementReset() { statement_.reset(); }
  StatementReset(const StatementReset&) = delete;
  StatementReset& operator=(const StatementReset&) = delete;

 private:
  Statement& statement_;
};

class Database {
 public:
  enum class Mode { kReadOnly, kReadWrite };

  // `wal_limit_bytes`: as bounded_name.
  static Result<Database> open(const std::string& path, Mode mode, std::uint64_t wal_limit_bytes = 0);

  Result<Statement> prepare(std::string_view sql);
  Status execute(const std::string& sql);
  Result<std::int64_t> query_integer(std::string_view sql);
  std::int64_t last_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
  std::int64_t changes() const { return sqlite3_changes64(handle_.get()); }
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  sqlite3* handle() { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Status begin();
  Status commit();

 private:
  Database& database_;
  bool open_ = false;
};

// The project's error for what SQLite just said: full and I/O errors may pass (kUnavailable), a broken file is
// kDamaged.
Error sqlite_error(sqlite3* handle, int code, std::string_view what);

}  // namespace resmon::store
