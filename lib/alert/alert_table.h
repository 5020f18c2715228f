#pragma once

// All alerts: every series that a rule looks at, found by rule, host and tags, and the list of those that are not ok
// or whose end was not told. Bounded; what there is no room for is counted. An alert stays where it is in memory until
// it is forgotten. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "alert/alert.h"
#include "alert/hosts.h"
#include "alert/rule_set.h"
#include "base/clock.h"

namespace resmon::alert {

// What an alert is found by: a text for each of a hundred thousand of them would take more memory than they do.
struct AlertKey {
  std::uint32_t rule = 0;
  const HostState* host = nullptr;
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

class AlertTable {
 public:
  // `rules` must outlive the table.
  AlertTable(const RuleSet& rules, std::size_t most) : rules_(rules), most_(most) {}

  Alert* find(const HostState& host, std::uint32_t rule, const std::vector<metric::Tag>& tags) const;
  // Made where there is none; null: there is no room.
  Alert* get(HostState& host, std::uint32_t rule, const std::vector<metric::Tag>& tags);
  std::size_t size() const { return alerts_.size(); }
  std::uint64_t refused() const { return refused_; }  // series there was no room for
  template <class Visit>
  void each(const Visit& visit) const {
    for (const auto& alert : alerts_) visit(*alert);
  }

  // In the order in which they were listed. Valid until one is listed or drops out.
  const std::vector<Alert*>& active() const { return active_; }
  void activate(Alert& alert);
  // Drops those from the list that are ok again and told.
  void settle();

  // The host's alerts that are not listed and without a row for an hour; how many.
  std::size_t forget_unused(HostState& host, UnixNanos now);
  // Those of another engine whose rule has an heir, after Hosts::take_over; `heirs`: by rule of `before`.
  void take_over(AlertTable& before, const std::vector<Heir>& heirs);

 private:
  const RuleSet& rules_;
  const std::size_t most_;
  std::unordered_set<std::unique_ptr<Alert>, AlertHash, AlertEqual> alerts_;
  std::vector<Alert*> active_;
  std::uint64_t refused_ = 0;
};

}  // namespace resmon::alert
