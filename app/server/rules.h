#pragma once

// The server's rules: what becomes of rows before they go into the log. Thread-safe.

#include <memory>
#include <vector>

#include "base/mutex.h"
#include "metric/batch.h"
#include "options.h"
#include "rule/engine.h"
#include "schema_marks.h"

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

// Logs which rules hide what alert rules and panels need.
void warn_of_hidden_inputs(const Options& options);

}  // namespace resmon::server
