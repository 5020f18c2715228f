#pragma once

// The reading side's connections to the file.

#include "store/embedded_store.h"

namespace resmon::store {

struct EmbeddedStore::Connection {
  Database database;
  ReadStatements select;

  static Result<std::unique_ptr<Connection>> open(const std::string& path);
};

}  // namespace resmon::store
