#pragma once

// Evaluates rules on the stream of rows, by each sample's own time, and returns the changes of state. It reads no clock
// and does no I/O: the caller passes times, stores the results, and sends messages (notifier.h).
//
// The rules that concern a schema are determined once and kept by its id, so a row that no rule reads costs one
// look-up. An alert is one rule on one series of one host. Its state:
//
//   ok ──condition true──► pending ──for `for`──► firing ──cleared for `clear_for`──► ok
//
// An alert also ends, with a reason, when its rule goes or changes what it is about, when its host is forgotten, and
// when its series is no longer reported; it ends then at the series' last row.
//
// A condition without data changes no state. Alerts of a silent host keep their state (`unknown` in listings). A sample
// is late if it is older than a few intervals (a spool that drains): its changes go to the history, and a message is
// sent only when a sample that is not late shows the same.
//
// Not thread-safe.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "alert/rules.h"
#include "alert/track.h"
#include "base/clock.h"
#include "fleet/host.h"
#include "metric/batch.h"

namespace resmon::alert {

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

// A number that stays the same as long as the rule judges in the same way: a change of its texts and channels, or of
// its severity, keeps it.
std::uint64_t rule_mark_of(const Rule& rule);
// Whether both ask for the same values of the same series, perhaps with other limits.
bool same_quantities(const Condition& a, const Condition& b);

// A change of state, for the history.
struct Transition {
  AlertRecord alert;  // after it
  AlertState from = AlertState::kOk;
  UnixNanos time = 0;  // of the sample that made it
  bool late = false;
  std::string reason;  // empty: its condition
};

struct Alert;

// What an alert is found by: a text for each of a hundred thousand of them would take more memory than they do.
struct AlertKey {
  std::uint32_t rule = 0;
  const void* host = nullptr;  // Engine::Host
  const std::vector<metric::Tag>* tags = nullptr;
};
struct AlertHash {
  using is_transparent = void;
  std::size_t operator()(const AlertKey& key) const;
  std::size_t operator()(const std::unique_ptr<Alert>& alert) const;
};
struct AlertEqual {
  using is_transparent = void;
  bool operator()(const AlertKey& key, const std::unique_ptr<Alert>& alert) const;
  bool operator()(const std::unique_ptr<Alert>& alert, const AlertKey& key) const { return (*this)(key, alert); }
  bool operator()(const std::unique_ptr<Alert>& a, const std::unique_ptr<Alert>& b) const { return a == b; }
};

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
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Whether a rule reads rows of the schema, which must be pinned.
  bool reads(metric::SchemaId id);
  // Rows that the server took at `received`. The batch's schemas must be pinned. Rows that no rule reads need no
  // values.
  void observe(const metric::Batch& batch, UnixNanos received);
  // A log's lines are counted by others: for each operand of log_operands() a count for each host, every few seconds,
  // also one of 0. `now` is the end of the window. False: nothing is judged of this host now, because it is silent or
  // not known.
  struct LogOperand {
    std::uint32_t rule = 0;
    std::uint32_t operand = 0;
    const Operand* what = nullptr;
  };
  const std::vector<LogOperand>& log_operands() const { return log_operands_; }
  bool observe_lines(const LogOperand& operand, std::string_view host, UnixNanos now, double count);

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

  bool has_transitions() const { return !transitions_.empty(); }
  // Alerts that ended with their rule, of which a message had been sent.
  std::vector<AlertRecord> take_departed() { return std::exchange(departed_, {}); }
  std::vector<Transition> take_transitions();
  // One line for each host whose late rows changed something, once they are over.
  std::vector<std::string> take_notices();

  // All that are not ok, and those that ended and whose end was not told. Valid until the next call of another method.
  const std::vector<Alert*>& active() const { return active_; }
  AlertRecord record(const Alert& alert) const;
  Alert* find(std::string_view rule, std::string_view host, const std::vector<metric::Tag>& tags);
  // Every series that a rule looks at, and what its first comparison compares now.
  template <class Visit>
  void each_alert(const Visit& visit) const {
    for (const auto& alert : alerts_) visit(*alert);
  }
  std::uint32_t first_true(const Alert& alert, const Condition& condition, double first_limit) const;
  std::optional<double> shown_value(const Alert& alert) const;
  // Whether every host that is up has the tag.
  bool all_have(const metric::Tag& tag) const;
  const fleet::Host* host_view(const Alert& alert) const;
  const fleet::Host* host_view(std::string_view host) const;  // null: not known
  bool host_silent(const Alert& alert) const;
  bool host_silent(std::string_view host) const;
  std::size_t silent_hosts() const { return silent_hosts_; }
  std::size_t expected_hosts() const { return expected_hosts_; }
  // Forgets those that are ok again and told.
  void settle();

  EngineStats stats() const;
  const Config& config() const { return config_; }
  // The limit that counts for the alert, after overrides.
  double limit_of(const Alert& alert) const;

 private:
  struct Host;
  struct Step;
  struct Plan;
  struct Heir;

  Host& host(std::string_view name, bool is_server);
  void select_rules(Host& host);
  const Plan& plan_of(metric::SchemaId id);
  void make_plan(Plan& plan, const metric::Schema& schema);
  void plan_operand(Plan& plan, const metric::Schema& schema, Host& host, std::uint32_t rule, std::uint32_t operand,
                    const std::vector<metric::Tag>& tags);
  template <class Visit>
  void each_track(const std::string& measurement, const std::string& field, const std::vector<metric::Tag>& tags,
                  const Visit& visit);
  void plan_replaced(Plan& plan, Host& host, std::uint32_t rule, std::uint32_t operand,
                     const std::vector<metric::Tag>& tags, std::uint32_t field);
  Alert* alert_of(Host& host, std::uint32_t rule, const std::vector<metric::Tag>& tags);
  void read_row(const metric::Batch& batch, const metric::Row& row, const Plan& plan);
  void evaluate(Alert& alert, UnixNanos time, bool late);
  void evaluate_dirty(UnixNanos received);
  void look_at_hosts(const std::vector<fleet::Host>& hosts, UnixNanos now);
  void evaluate_silence(Host& host, std::size_t rule, UnixNanos now, bool storm);
  void resolve_stale(UnixNanos now);
  void change(Alert& alert, AlertState to, UnixNanos time, bool late, std::string reason = {});
  void end(Alert& alert, UnixNanos time, bool late, std::string reason);
  void activate(Alert& alert);
  std::vector<Heir> heirs_of(const Engine& before) const;  // by rule of `before`
  void take_over_hosts(Engine& before, const std::vector<Heir>& heirs);
  void take_over_alerts(Engine& before, const std::vector<Heir>& heirs);
  // Ends an alert that has no place in these rules.
  void bury(AlertRecord record, UnixNanos now, const std::string& reason);
  void begin_anew(Alert& alert);
  enum class Truth : std::uint8_t { kFalse, kTrue, kUnknown };
  std::optional<double> value_of(const Alert& alert, std::uint32_t operand, const Track& track) const;
  Truth compare(const Alert& alert, const Comparison& comparison, const Track& track, const Track* divisor,
                double limit) const;
  Truth compare(const Alert& alert, const Comparison& comparison, double limit) const;
  Truth truth(const Alert& alert, const Condition& condition, std::optional<double> first_limit) const;
  Truth cleared(const Alert& alert) const;
  bool count_silence(UnixNanos now);
  void end_all(Host& host, UnixNanos now, const std::string& reason);
  void forget_unused(UnixNanos now);
  bool used(const Rule& rule) const;

  const Config& config_;
  const metric::SchemaTable& schemas_;
  const EngineLimits limits_;
  std::map<std::string, std::unique_ptr<Host>, std::less<>> hosts_;  // servers have a name that begins with '\1'
  std::unordered_set<std::unique_ptr<Alert>, AlertHash, AlertEqual> alerts_;
  std::vector<Plan> plans_;  // by SchemaId
  std::unordered_map<std::string_view, std::vector<std::pair<std::uint32_t, std::uint32_t>>> by_measurement_;
  std::vector<Alert*> dirty_;
  std::vector<Alert*> active_;
  std::vector<Transition> transitions_;
  std::vector<std::string> notices_;
  std::vector<AlertRecord> departed_;
  std::vector<std::uint64_t> rule_marks_;  // by rule
  std::vector<std::size_t> silence_rules_;
  std::vector<LogOperand> log_operands_;
  UnixNanos grace_from_ = 0;
  UnixNanos last_tick_ = 0;
  UnixNanos swept_ = 0;
  UnixNanos storm_since_ = 0;
  std::size_t silent_hosts_ = 0;
  std::size_t expected_hosts_ = 0;
  std::uint64_t evaluations_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t late_rows_ = 0;
};

struct Acknowledgement {
  std::string by;
  UnixNanos at = 0;
};

// The engine's state of one alert. Public, because the notifier reads and marks it.
struct Alert {
  std::uint32_t rule = 0;
  AlertState state = AlertState::kOk;
  bool dirty = false;
  bool listed = false;  // in active()
  bool fresh = false;   // a sample that was not late shows this state
  bool notified = false;
  bool escalated = false;
  bool replaced = false;                 // of kReplaced
  void* host = nullptr;                  // Engine::Host
  metric::SharedList<metric::Tag> tags;  // of the series, without `host`; shared among the host's alerts
  UnixNanos time = 0;                    // of its newest row
  std::int64_t gap = 0;                  // to the row before
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
};

}  // namespace resmon::alert
