#pragma once

// The state of one alert, which is one rule on one series of one host, and the record of it that is kept and shown.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alert/rules.h"
#include "alert/track.h"
#include "base/clock.h"
#include "metric/batch.h"

namespace resmon::alert {

struct HostState;
class RuleSet;

enum class AlertState : std::uint8_t { kOk, kPending, kFiring };
std::string_view state_name(AlertState state);

// One alert as it is kept and shown.
struct AlertRecord {
  std::string rule;
  std::string host;
  std::vector<metric::Tag> tags;  // of the series, without `host`
  AlertState state = AlertState::kOk;
  UnixNanos since = 0;           // when the condition became true
  UnixNanos fired = 0;           // when it fired; of one that ended, too
  UnixNanos ended = 0;           // when it ended; 0: it did not
  std::uint32_t comparison = 0;  // of the rule's condition: what the value is of, the first that holds
  double value = 0;              // newest; of a text comparison 0
  std::string value_text;
  bool notified = false;      // a message about it was put out, and none about its end
  UnixNanos notified_at = 0;  // the newest
  UnixNanos first_notified_at = 0;
  bool escalated = false;
  std::string acknowledged_by;  // empty: by nobody
  UnixNanos acknowledged_at = 0;
  std::string reason;         // why it ended; empty: its condition
  UnixNanos evaluated = 0;    // its newest row
  std::int64_t gap = 0;       // between the two newest
  UnixNanos clear_since = 0;  // since when it is over, while `clear_for` passes
  // Of its rule, so that an alert whose rule is gone can be ended and told.
  std::uint64_t rule_mark = 0;  // rule_mark_of
  std::string when;
  double limit = 0;  // of the comparison, after overrides
  Severity severity = Severity::kWarning;
  std::vector<std::string> channels;  // that are told of its end

  std::string key() const;  // unique among all alerts
};

// A change of state, for the history.
struct Transition {
  AlertRecord alert;  // after it
  AlertState from = AlertState::kOk;
  UnixNanos time = 0;  // of the sample that made it
  bool late = false;
  std::string reason;  // empty: its condition
};

struct Acknowledgement {
  std::string by;
  UnixNanos at = 0;
};

// Public data, because the engine's parts change it, and the notifier reads and marks it.
struct Alert {
  std::uint32_t rule = 0;
  AlertState state = AlertState::kOk;
  bool dirty = false;   // has a row that is not evaluated
  bool listed = false;  // in AlertTable::active
  bool fresh = false;   // a sample that was not late shows this state
  bool notified = false;
  bool escalated = false;
  bool replaced = false;                 // of kReplaced
  HostState* host = nullptr;             // not null
  metric::SharedList<metric::Tag> tags;  // of the series, without `host`; shared among the host's alerts
  UnixNanos time = 0;                    // of its newest row
  std::int64_t gap = 0;                  // to the row before
  std::int64_t gap_before = 0;           // the one before that; 0: not known
  UnixNanos evaluated = 0;
  UnixNanos since = 0;
  UnixNanos fired = 0;
  UnixNanos clear_since = 0;
  UnixNanos ended = 0;
  UnixNanos notified_at = 0;
  UnixNanos first_notified_at = 0;
  std::uint32_t comparison = 0;                   // as AlertRecord's
  double value = 0;                               // of that, when it was last evaluated
  std::unique_ptr<Acknowledgement> acknowledged;  // null: by nobody, as nearly all
  std::unique_ptr<std::string> end_reason;        // null: its condition
  std::vector<std::unique_ptr<Track>> tracks;     // by operand; null where it is of another series

  // The track of an operand, which must outlive the alert; it is made at the first call.
  Track& track(std::uint32_t number, const Operand& operand) {
    std::unique_ptr<Track>& found = tracks[number];
    if (!found) found = std::make_unique<Track>(operand);
    return *found;
  }
  // A row of this time came; the rows before are of earlier times.
  void note_row(UnixNanos row_time) {
    if (time != 0) gap_before = std::exchange(gap, row_time - time);
    time = row_time;
  }
  // Its rule changed: what is pending waits for the whole `for`, and what fires is judged by the new rule.
  void begin_anew();
};

AlertRecord record_of(const Alert& alert, const RuleSet& rules);
// Brings back what record_of kept of an alert of `rule`, which is new.
void restore_alert(Alert& alert, const AlertRecord& kept, const Rule& rule);

}  // namespace resmon::alert
