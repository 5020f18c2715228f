#pragma once

// The hosts that the engine knows: those of the fleet, those that rows name, and servers, which have alerts without
// being hosts of the fleet. A host's state stays where it is in memory until the host is forgotten. Not thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alert/alert.h"
#include "alert/rule_set.h"
#include "base/clock.h"
#include "fleet/host.h"

namespace resmon::alert {

inline constexpr std::int64_t kForgetAfter = 3600LL * 1'000'000'000;  // of alerts, series and hosts that went

// What is known of one host. Public data of the engine's parts.
struct HostState {
  // A series of another selector than the rule's first: any of them counts.
  struct Side {
    std::uint32_t rule = 0;
    std::uint32_t operand = 0;
    std::string series;
    std::unique_ptr<Track> track;
  };

  fleet::Host view;
  bool is_server = false;
  bool in_fleet = false;
  bool listed = false;   // in the fleet at this tick
  bool silent = false;   // as SilenceWatch says
  bool unheard = false;  // not heard of since the grace began, which has not ended
  UnixNanos newest = 0;  // of its rows
  std::vector<RuleOnHost> rules;
  std::vector<Alert*> alerts;  // in AlertTable
  std::vector<Side> sides;
  std::unordered_map<std::string, UnixNanos> others;  // of kReplaced: the newest row of what stood there before
  std::uint64_t late_count = 0;                       // transitions by late rows, not told yet
  UnixNanos late_from = 0, late_to = 0;
  bool late_over = false;

  const std::string& shown_name() const {
    static const std::string kNone;
    return is_server ? kNone : view.name;
  }
  std::int64_t interval() const { return view.interval.count(); }
  // Whether a rule covers it is not known before the first tick after a start, because its tags are not.
  bool selection_known() const { return in_fleet || is_server; }

  // The track of one series of an operand, which must outlive the host; it is made at the first call.
  Track& side(RuleSet::Place place, const Operand& operand, std::string series);
  // Of `others`; `rest`: the series' tags without the one that is replaced.
  UnixNanos& other(RuleSet::Place place, const std::vector<metric::Tag>& rest);
};

// The limit that counts for the alert, after overrides.
inline double limit_of(const Alert& alert) {
  return alert.host->rules[alert.rule].limit;
}

class Hosts {
 public:
  // `rules` must outlive the hosts.
  explicit Hosts(const RuleSet& rules) : rules_(rules) {}

  HostState& get(std::string_view name, bool is_server);  // made where there is none
  // The host or server that a series with these tags is of; null: it is of none.
  HostState* get(const std::vector<metric::Tag>& tags);
  HostState* find(std::string_view name, bool is_server = false) const;  // null: not known
  const fleet::Host* view(std::string_view name) const;                  // the same
  // Whether every host that is in the fleet has the tag.
  bool all_have(const metric::Tag& tag) const;
  std::size_t size() const { return hosts_.size(); }
  // `visit(HostState&)`, in order of name.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const auto& [name, host] : hosts_) visit(*host);
  }

  // The whole fleet as it is now; the hosts that are not in it any more. During the grace after a start nothing is
  // said of a host that was kept and is not in it.
  std::vector<HostState*> update(const std::vector<fleet::Host>& fleet, bool grace);
  // Series and hosts that went, whose alerts are forgotten already; how many.
  std::size_t forget_unused(UnixNanos now);
  // All of another engine's, with their state; `heirs`: by rule of `before`. The rules are selected anew.
  void take_over(Hosts& before, const std::vector<Heir>& heirs);

 private:
  void take_over(HostState& host, const std::vector<Heir>& heirs) const;

  const RuleSet& rules_;
  std::map<std::string, std::unique_ptr<HostState>, std::less<>> hosts_;  // servers have a name that begins with '\1'
};

}  // namespace resmon::alert
