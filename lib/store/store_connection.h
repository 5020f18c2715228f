#pragma once

// The reading side's connections to the file.

#include "store/embedded_store.h"

namespace resmon::store {

struct EmbeddedStore::Connection {
  Database database;
  Statement newest_first;  // chunks of a group in a range, from a place on
  Statement data;

  static Result<std::unique_ptr<Connection>> open(const std::string& path);
};

}  // namespace resmon::store
