#pragma once

// Executes InfluxQL over stored data, for /query. InfluxDB 1.x's documentation describes the language; tests/oracle
// compares the answers with the real server.
//
//   Response response = execute(store, "SELECT mean(usage_idle) FROM cpu GROUP BY host", options);
//   std::string body;
//   write_json(response, {.epoch = Epoch::kMillis}, append_to(body));  // serialize.h
//
// Thread-safe: any number of threads may execute at once over one reader.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "influxql/backend.h"
#include "influxql/limits.h"
#include "influxql/parse/parser.h"
#include "influxql/parse/zone.h"
#include "influxql/response.h"
#include "store/reader.h"

namespace resmon::influxql {

// The names under which the data is known. There is one database; clients that are set up with a name of their own
// create it before they use it, and then it is another name of the same. Thread-safe.
class Databases {
 public:
  virtual ~Databases() = default;
  virtual bool has(std::string_view name) const = 0;
  virtual std::vector<std::string> names() const = 0;        // sorted
  virtual Status create(const std::string& name) const = 0;  // no error if it is there
  virtual Status drop(const std::string& name) const = 0;    // a name only, never data; no error if it is not there
};

inline constexpr std::string_view kRetentionPolicy = "autogen";  // the only one there is

struct ExecuteOptions {
  std::string database = "resmon";       // the only one there is,
  const Databases* databases = nullptr;  // or, if set, the names that it has
  const Backend* backend = nullptr;      // null: what changes data or looks into the server is refused
  std::string requested_database;  // `db` of the request; a statement that needs one and names none fails without it
  std::string retention_policy;    // `rp` of the request: "", or "autogen"
  UnixNanos now = 0;               // REQUIRED: what now() is
  Parameters params;               // what $name stands for
  QueryLimits limits;              // for each statement
  ParseLimits parse_limits;
  ZoneLoader load_zone = load_system_zone;
};

// Never fails as a function: what went wrong is in the response, as a client of InfluxDB expects it. A text that does
// not parse sets Response::error ("error parsing query: …"); after a statement that fails, the rest are "not executed".
Response execute(const store::Reader& reader, std::string_view text, const ExecuteOptions& options);

}  // namespace resmon::influxql
