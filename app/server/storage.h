#pragma once

// What the server keeps on disk: the store, the journal, the log lines and the names of databases; and the table of
// schemas that all of them use.

#include <memory>

#include "base/result.h"
#include "metric/schema.h"

namespace resmon::ingest {
class Log;
}
namespace resmon::logs {
class Store;
}
namespace resmon::store {
class Store;
}

namespace resmon::server {

class DatabaseNames;
struct Options;

class Storage {
 public:
  explicit Storage(const Options& options);  // which must outlive it
  ~Storage();

  // kUnavailable: another process has it; the message names it.
  Status open_store();  // and the names of databases
  Status open_journal();
  Status open_logs();  // where lines are kept
  // In this order, when nothing writes any more. What goes wrong is logged.
  void close_store();
  void close_journal();
  void close_logs();

  metric::SchemaTable& schemas() { return schemas_; }
  const metric::SchemaTable& schemas() const { return schemas_; }
  // REQUIRES, of those below: opened.
  store::Store& store() { return *store_; }
  const store::Store& store() const { return *store_; }
  const DatabaseNames& database_names() const { return *database_names_; }
  ingest::Log& journal() { return *journal_; }
  const ingest::Log& journal() const { return *journal_; }
  logs::Store* logs() { return logs_.get(); }  // null: lines are not kept
  const logs::Store* logs() const { return logs_.get(); }

 private:
  const Options& options_;
  metric::SchemaTable schemas_;
  std::unique_ptr<ingest::Log> journal_;
  std::unique_ptr<DatabaseNames> database_names_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<logs::Store> logs_;
};

}  // namespace resmon::server
