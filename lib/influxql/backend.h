#pragma once

// The interface to the server for statements that change data or show the server's state.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "influxql/response.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "store/deletion.h"

namespace resmon::influxql {

struct RunningQuery {
  std::uint64_t id = 0;
  std::string text;
  std::string database;
  std::chrono::nanoseconds age{0};
  bool killed = false;
};

struct ServerUser {
  std::string name;
  bool administrator = false;
};

// A module of SHOW STATS or SHOW DIAGNOSTICS: names and values.
struct ServerModule {
  std::string name;
  std::vector<std::pair<std::string, Cell>> values;
};

// Thread-safe. Every method may block for as long as the query has.
class Backend {
 public:
  virtual ~Backend() = default;

  // An error if the requester may not change anything. `statement`: its first words.
  virtual Status may_change(std::string_view statement) const = 0;
  // Deletes rows that were acknowledged before the call, for good.
  virtual Status remove(store::Deletion deletion) const = 0;
  // Rows are of schemas of this table; when write returns they are durable and can be read.
  virtual metric::SchemaTable& schemas() const = 0;
  virtual Status write(const metric::Batch& rows) const = 0;

  virtual std::vector<RunningQuery> queries() const = 0;  // by id
  virtual Status kill(std::uint64_t id) const = 0;
  // Empty if the requester may not see them.
  virtual std::vector<ServerUser> users() const = 0;
  virtual std::vector<ServerModule> stats() const = 0;
  virtual std::vector<ServerModule> diagnostics() const = 0;
};

}  // namespace resmon::influxql
