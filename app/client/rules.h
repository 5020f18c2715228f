#pragma once

// The client's rules: what becomes of a gather before it goes into the spool, and their own numbers.

#include <memory>
#include <string>
#include <vector>

#include "metric/batch.h"
#include "options.h"
#include "rule/engine.h"

namespace resmon::client {

// Names in the rules that no collector writes, and no script and no metric of logs is called; each with its place.
std::vector<std::string> doubtful_names(const Options& options);

class Rules {
 public:
  // Null: there are none. Warns of those that hide what panels and built-in alert rules need, and of doubtful_names().
  static std::unique_ptr<Rules> make(const Options& options, metric::SchemaTable& schemas);

  // A batch to gather into, with memory that was used before.
  metric::Batch take_empty() { return std::move(spare_); }
  // Appends to `out` what is to be sent of `in`, and once a minute the rules' own numbers.
  void apply(metric::Batch in, UnixNanos now, metric::Batch& out);
  // Appends windows that are not complete: the client is stopping.
  void flush(metric::Batch& out) { engine_.flush(out); }

 private:
  Rules(const Options& options, metric::SchemaTable& schemas);
  void report(UnixNanos now, metric::Batch& out);

  rule::Engine engine_;
  std::vector<metric::SchemaId> schemas_of_rules_;
  metric::Batch spare_;
  UnixNanos report_at_ = 0;
};

}  // namespace resmon::client
