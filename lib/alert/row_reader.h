#pragma once

// Rows and counts of log lines into the tracks of alerts, which are then evaluated: once for each time, after all rows
// of that time. Not thread-safe.

#include <cstdint>
#include <string_view>
#include <vector>

#include "alert/alert_table.h"
#include "alert/hosts.h"
#include "alert/lifecycle.h"
#include "alert/row_plans.h"
#include "alert/rule_set.h"
#include "base/clock.h"
#include "metric/batch.h"

namespace resmon::alert {

class RowReader {
 public:
  // All must outlive it.
  RowReader(const RuleSet& rules, Hosts& hosts, AlertTable& alerts, RowPlans& plans, Lifecycle& lifecycle)
      : rules_(rules), hosts_(hosts), alerts_(alerts), plans_(plans), lifecycle_(lifecycle) {}

  // As the functions of these names in Engine.
  void observe(const metric::Batch& batch, UnixNanos received);
  bool observe_lines(const LogOperand& operand, std::string_view host, UnixNanos now, double count);

  std::uint64_t late_rows() const { return late_rows_; }  // values older than what was known of their series
  void take_over(const RowReader& before) { late_rows_ = before.late_rows_; }

 private:
  void read_row(const metric::Batch& batch, const metric::Row& row, const RowPlan& plan);
  bool read_value(const metric::Batch& batch, const metric::Row& row, const RowStep& step);
  void mark(Alert& alert);
  void evaluate_marked(UnixNanos received);

  const RuleSet& rules_;
  Hosts& hosts_;
  AlertTable& alerts_;
  RowPlans& plans_;
  Lifecycle& lifecycle_;
  std::vector<Alert*> marked_;  // Alert::dirty
  std::uint64_t late_rows_ = 0;
};

}  // namespace resmon::alert
