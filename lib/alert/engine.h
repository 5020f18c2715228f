#pragma once

// Evaluates rules on the stream of rows, by each sample's own time, and returns the changes of state. It reads no clock
// and does no I/O: the caller passes times, stores the results, and sends messages (notifier.h).
//
// An alert is one rule on one series of one host. It also ends, with a reason, when its rule goes or changes what it is
// about, when its host is forgotten, and when its series is no longer reported; it ends then at the series' last row.
//
// A condition without data changes no state. Alerts of a silent host keep their state (`unknown` in listings). A sample
// is late if it is older than a few intervals (a spool that drains): its changes go to the history, and a message is
// sent only when a sample that is not late shows the same.
//
// The class says what happens when. What is done is its parts':
//   RuleSet       the rules, as they are looked up and as they count on one host
//   Hosts         what is known of each host
//   SilenceWatch  which hosts are silent, and whether they fell silent together
//   AlertTable    all alerts, and the list of the active ones
//   RowPlans      which values of a row go to which alerts
//   Judge         what a condition says of an alert
//   Lifecycle     an alert's states and their changes
//   RowReader     rows into tracks, and which alerts are evaluated then
//
// Not thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alert/alert.h"
#include "alert/alert_table.h"
#include "alert/hosts.h"
#include "alert/judge.h"
#include "alert/lifecycle.h"
#include "alert/row_plans.h"
#include "alert/row_reader.h"
#include "alert/rule_set.h"
#include "alert/rules.h"
#include "alert/silence_watch.h"
#include "base/clock.h"
#include "fleet/host.h"
#include "metric/batch.h"

namespace resmon::alert {

struct EngineLimits {
  std::size_t alerts = 1'000'000;  // series that rules look at
};

struct EngineStats {
  std::size_t hosts = 0;
  std::size_t alerts = 0;  // series that rules look at
  std::size_t active = 0;  // pending, firing, or ended and not told
  std::uint64_t evaluations = 0;
  std::uint64_t refused = 0;    // series there was no room for
  std::uint64_t late_rows = 0;  // older than what was known of their series
};

class Engine {
 public:
  // Both must outlive the engine.
  Engine(const Config& config, const metric::SchemaTable& schemas, EngineLimits limits = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Whether a rule reads rows of the schema, which must be pinned.
  bool reads(metric::SchemaId id) { return !plans_.of(id).steps.empty(); }
  // Rows that the server took at `received`. The batch's schemas must be pinned. Rows that no rule reads need no
  // values.
  void observe(const metric::Batch& batch, UnixNanos received) { rows_.observe(batch, received); }
  // A log's lines are counted by others: for each operand of log_operands() a count for each host, every few seconds,
  // also one of 0. `now` is the end of the window. False: nothing is judged of this host now, because it is silent or
  // not known.
  bool observe_lines(const LogOperand& operand, std::string_view host, UnixNanos now, double count) {
    return rows_.observe_lines(operand, host, now, count);
  }
  const std::vector<LogOperand>& log_operands() const { return rules_.log_operands(); }

  // About once a second: what silence means. `hosts` is the whole fleet as it is now.
  void tick(UnixNanos now, const std::vector<fleet::Host>& hosts);
  // Brings back what was kept; before the first row. The alerts of a rule that did not change go on with their clocks.
  // Those of a changed rule that are pending begin anew, and those that fire go on if it asks for the same values. What
  // the rules no longer cover ends at `now`.
  void restore(const std::vector<AlertRecord>& records, UnixNanos now);
  // The same, with all that is known of each series and host; `before` is empty afterwards. Before the first row.
  void take_over(Engine& before, UnixNanos now);
  // The mean of an hour that is over, for forecasts, oldest first; before the first row.
  void seed(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
            UnixNanos hour, double mean);
  // A value from before the start, oldest first, for windows.
  void seed_window(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                   UnixNanos time, double value);

  bool has_transitions() const { return lifecycle_.has_transitions(); }
  std::vector<Transition> take_transitions() { return lifecycle_.take_transitions(); }
  // Alerts that ended with their rule, of which a message had been sent.
  std::vector<AlertRecord> take_departed() { return lifecycle_.take_departed(); }
  // One line for each host whose late rows changed something, once they are over.
  std::vector<std::string> take_notices() { return lifecycle_.take_notices(); }

  // All that are not ok, and those that ended and whose end was not told. Valid until the next call of another method.
  const std::vector<Alert*>& active() const { return alerts_.active(); }
  // Forgets those that are ok again and told.
  void settle() { alerts_.settle(); }
  AlertRecord record(const Alert& alert) const { return record_of(alert, rules_); }
  Alert* find(std::string_view rule, std::string_view host, const std::vector<metric::Tag>& tags) const;
  // Every series that a rule looks at.
  const AlertTable& alerts() const { return alerts_; }
  // What its comparison compares now.
  std::optional<double> shown_value(const Alert& alert) const { return lifecycle_.judge().shown_value(alert); }

  const Config& config() const { return rules_.config(); }
  const Hosts& hosts() const { return hosts_; }
  const SilenceWatch& silence() const { return silence_; }
  EngineStats stats() const;

 private:
  void restore(const AlertRecord& kept, UnixNanos now);
  void end_stale(UnixNanos now);
  void forget_unused(UnixNanos now);

  const RuleSet rules_;
  Hosts hosts_;
  SilenceWatch silence_;
  AlertTable alerts_;
  RowPlans plans_;
  Lifecycle lifecycle_;
  RowReader rows_;
  UnixNanos swept_ = 0;
};

}  // namespace resmon::alert
