#pragma once

// The states of an alert, and when it changes from one to the next:
//
//   ok ──condition true──► pending ──for `for`──► firing ──cleared for `clear_for`──► ok
//
// Each change goes to a list, which the engine's owner takes. Changes by late rows are counted for each host besides.
// Not thread-safe.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "alert/alert.h"
#include "alert/alert_table.h"
#include "alert/judge.h"
#include "alert/rule_set.h"
#include "base/clock.h"

namespace resmon::alert {

// How long a sample may be on its way before it is late; three of the host's intervals where they are longer.
inline constexpr std::int64_t kLateAfter = 60LL * 1'000'000'000;

class Lifecycle {
 public:
  // Both must outlive it.
  Lifecycle(const RuleSet& rules, AlertTable& alerts) : rules_(rules), judge_(rules), alerts_(alerts) {}

  // By the rows that came up to `time`, the newest of the alert's series.
  void evaluate(Alert& alert, UnixNanos time, bool late);
  // A rule about silence, on a host that SilenceWatch looked at. `storm`: nobody waits for the rule's `for`.
  void evaluate_silence(HostState& host, std::uint32_t rule, UnixNanos now, bool storm);
  // For a reason that is not its condition.
  void end(Alert& alert, UnixNanos time, bool late, std::string reason);
  // Ends all that are not ok.
  void end_all(HostState& host, UnixNanos now, const std::string& reason);
  // Those whose rule no longer covers their host.
  void end_uncovered(UnixNanos now);
  // An alert that has no place in these rules ends; its message is sent by its record.
  void bury(AlertRecord record, UnixNanos now, const std::string& reason);
  // Once a host's late rows are over, a notice says what they changed.
  void notice_late(HostState& host);

  const Judge& judge() const { return judge_; }
  bool has_transitions() const { return !transitions_.empty(); }
  std::vector<Transition> take_transitions() { return std::exchange(transitions_, {}); }
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }
  std::vector<AlertRecord> take_departed() { return std::exchange(departed_, {}); }
  std::uint64_t evaluations() const { return evaluations_; }
  // What another engine's lists have, and its counts.
  void take_over(Lifecycle& before);

 private:
  void evaluate_pending(Alert& alert, Truth now, UnixNanos time, UnixNanos before, bool late);
  void evaluate_firing(Alert& alert, UnixNanos time, bool late);
  void silent_on(Alert& alert, std::int64_t silence, UnixNanos now, bool storm);
  void heard_again(Alert& alert, UnixNanos now);
  void change(Alert& alert, AlertState to, UnixNanos time, bool late, std::string reason = {});

  const RuleSet& rules_;
  const Judge judge_;
  AlertTable& alerts_;
  std::vector<Transition> transitions_;
  std::vector<std::string> notices_;
  std::vector<AlertRecord> departed_;  // of which a message had been sent
  std::uint64_t evaluations_ = 0;
};

}  // namespace resmon::alert
