#pragma once

// The server's rules: what becomes of rows before they go into the log. Thread-safe.

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "metric/batch.h"
#include "options.h"
#include "rule/engine.h"
#include "schema_marks.h"
#include "store/reader.h"

namespace resmon::alert {
struct Config;
}

namespace resmon::server {

class Rules {
 public:
  // Null: there are none. `schemas` must outlive it.
  static std::unique_ptr<Rules> make(const Options& options, metric::SchemaTable& schemas);

  // Puts what is left of the rows, and what they became, in their place. `row_ends`, of batches that are joined in this
  // one, are moved to where their rows end now; null: they are one.
  void apply(metric::Batch& batch, std::vector<std::size_t>* row_ends = nullptr);
  // Any thread: the engine's counters need no lock.
  std::vector<rule::RuleStats> stats() const NO_THREAD_SAFETY_ANALYSIS { return engine_.stats(); }

 private:
  Rules(const Options& options, metric::SchemaTable& schemas);

  SchemaMarks untouched_;  // schemas that no rule touches
  Mutex mutex_;
  rule::Engine engine_ GUARDED_BY(mutex_);
};

// The file of alert rules, which need not exist, with the built-in ones. kInvalid: it has errors, each with its place.
Result<alert::Config> alert_rules(const Options& options);

// Names in rules that no collector writes, each with its place. Those that the store has are left out, and those that
// the server's rules write. `store`: null where it is not open.
std::vector<std::string> doubtful_names(const Options& options, const store::Reader* store);  // of rules of rows
std::vector<std::string> doubtful_names(const alert::Config& alerts, const Options& options,
                                        const store::Reader* store);

// Of all rules, for --check-config. kInvalid: the file of alert rules has errors.
Result<std::vector<std::string>> check_rules(const Options& options);

// Logs which rules hide what alert rules and panels need.
void warn_of_hidden_inputs(const Options& options);

}  // namespace resmon::server
