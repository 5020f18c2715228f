#pragma once

// Script collectors: executables whose output becomes rows, `[script.NAME]` in client.toml. Each runs at the multiples
// of its own interval, as a process of its own, beside everything else: neither a slow one nor a dead one delays
// another, or the native collectors. At most one run of each at a time; a run that is due while the last one is still
// there is skipped, and counted. What is wrong is logged when it begins and when it ends, and each run reports itself
// in `internal_collector` as collector "script.NAME".
//
//   Scripts scripts(io.get_executor(), options, schemas, [&](metric::Batch& rows) { … take them … });
//   scripts.begin();   … io runs …   scripts.stop();
//
// All on the executor's one thread.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collect/script_output.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::collect {

struct ScriptOptions {
  std::vector<std::string> command;  // the program and its arguments; no shell looks at them
  bool enabled = true;
  std::chrono::nanoseconds interval{0};  // 0: the client's interval
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  std::uint64_t output_limit_bytes = 64U << 10U;
  std::string format = "auto";
  std::string precision = "ns";  // of the timestamps in Influx lines: ns, us, ms, s
  std::string measurement;       // of JSON and key=value; empty: the script's name
  std::vector<std::string> tag_keys;
  std::vector<std::pair<std::string, std::string>> tags;         // added to every row that has not its own
  std::vector<std::pair<std::string, std::string>> environment;  // added to what every script is given
  // How the page draws the measurement; sent as `script_panel`. All empty: nothing is sent.
  std::string panel_title;
  std::string panel_unit;
  std::string panel_kind;
  std::int64_t max_series = 1000;  // different shapes (measurement, tags, fields) over the program's life

  Status check() const;  // the error names the key
};

class Scripts {
 public:
  struct Settings {
    std::map<std::string, ScriptOptions, std::less<>> scripts;  // by name
    std::chrono::nanoseconds interval = std::chrono::seconds(5);
    std::string host;  // told to scripts as RESMON_HOST
  };
  struct Health {
    std::string name;
    std::string error;  // the last run's, or empty
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;  // of which timeouts
    std::uint64_t timeouts = 0;
    std::uint64_t skipped_runs = 0;
    std::uint64_t refused_lines = 0;
    std::uint64_t refused_values = 0;  // that are no finite numbers
  };
  // Gets the rows of one run with its internal_collector row; may swap the batch away.
  using Deliver = std::function<void(metric::Batch& rows)>;

  // kInvalid: an option is wrong. `schemas` and `clock` must outlive the scripts.
  static Result<std::unique_ptr<Scripts>> make(const boost::asio::any_io_executor& executor, Settings settings,
                                               metric::SchemaTable& schemas, Deliver deliver,
                                               const Clock& clock = Clock::system());
  virtual ~Scripts() = default;

  virtual void begin() = 0;  // each at its next slot, again and again until stop
  // Each once, now; `done` is called after the last.
  virtual void run_once(std::function<void()> done) = 0;
  // Ends all runs at once, groups and all. Nothing is delivered any more. Idempotent.
  virtual void stop() = 0;
  virtual std::vector<Health> health() const = 0;
};

}  // namespace resmon::collect
