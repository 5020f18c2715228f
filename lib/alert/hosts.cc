#include "alert/hosts.h"

#include <algorithm>
#include <utility>

#include "alert/series_tags.h"

namespace resmon::alert {

namespace {

std::string name_in_map(std::string_view name, bool is_server) {
  return is_server ? "\1" + std::string(name) : std::string(name);
}

}  // namespace

Track& HostState::side(RuleSet::Place place, const Operand& operand, std::string series) {
  for (const Side& one : sides)
    if (one.rule == place.rule && one.operand == place.operand && one.series == series) return *one.track;
  sides.push_back({place.rule, place.operand, std::move(series), std::make_unique<Track>(operand)});
  return *sides.back().track;
}

UnixNanos& HostState::other(RuleSet::Place place, const std::vector<metric::Tag>& rest) {
  return others[key_of(std::to_string(place.rule), std::to_string(place.operand), rest)];
}

HostState& Hosts::get(std::string_view name, bool is_server) {
  auto& found = hosts_[name_in_map(name, is_server)];
  if (!found) {
    found = std::make_unique<HostState>();
    found->is_server = is_server;
    found->view.name = std::string(name);
    rules_.select(found->view, found->rules);
  }
  return *found;
}

HostState* Hosts::get(const std::vector<metric::Tag>& tags) {
  const std::string_view name = tag_of(tags, "host");
  const std::string_view server = tag_of(tags, "server");
  if (name.empty() && server.empty()) return nullptr;
  return &get(name.empty() ? server : name, name.empty());
}

HostState* Hosts::find(std::string_view name, bool is_server) const {
  const auto found = is_server ? hosts_.find(name_in_map(name, true)) : hosts_.find(name);
  return found == hosts_.end() ? nullptr : found->second.get();
}

const fleet::Host* Hosts::view(std::string_view name) const {
  const HostState* const found = find(name);
  return found == nullptr ? nullptr : &found->view;
}

bool Hosts::all_have(const metric::Tag& tag) const {
  return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& one) {
    const HostState& host = *one.second;
    if (host.is_server || !host.in_fleet) return true;
    return std::find(host.view.tags.begin(), host.view.tags.end(), tag) != host.view.tags.end();
  });
}

std::vector<HostState*> Hosts::update(const std::vector<fleet::Host>& fleet, bool grace) {
  for (const auto& [name, host] : hosts_) host->listed = false;
  for (const fleet::Host& view : fleet) {
    HostState& host = get(view.name, false);
    host.listed = true;
    const bool is_new = !std::exchange(host.in_fleet, true);
    const bool changed = is_new || host.view.tags != view.tags || host.view.address != view.address ||
                         host.view.software != view.software || host.view.settings != view.settings;
    if (host.view.version == view.version && !changed) {
      host.view.state = view.state;
      host.view.last_seen = view.last_seen;
    } else {
      host.view = view;
    }
    if (changed || rules_.volatile_selection()) rules_.select(host.view, host.rules);
  }
  std::vector<HostState*> gone;
  for (const auto& [name, host] : hosts_) {
    if (host->is_server || host->listed) continue;
    // Of one that was removed while the server did not run, only what was kept is there.
    if (!host->in_fleet && (host->newest != 0 || grace)) continue;
    host->in_fleet = false;
    gone.push_back(host.get());
  }
  return gone;
}

std::size_t Hosts::forget_unused(UnixNanos now) {
  std::size_t forgotten = 0;
  for (auto it = hosts_.begin(); it != hosts_.end();) {
    HostState& host = *it->second;
    forgotten += std::erase_if(
        host.sides, [&](const HostState::Side& one) { return host.newest - one.track->time() > kForgetAfter; });
    forgotten +=
        std::erase_if(host.others, [&](const auto& one) { return host.newest - one.second > 24 * kForgetAfter; });
    const bool gone = !host.in_fleet && host.alerts.empty() && now - host.newest > kForgetAfter;
    if (gone) ++forgotten;
    it = gone ? hosts_.erase(it) : std::next(it);
  }
  return forgotten;
}

void Hosts::take_over(Hosts& before, const std::vector<Heir>& heirs) {
  hosts_ = std::move(before.hosts_);
  for (const auto& [name, host] : hosts_) take_over(*host, heirs);
}

void Hosts::take_over(HostState& host, const std::vector<Heir>& heirs) const {
  rules_.select(host.view, host.rules);
  std::erase_if(host.alerts, [&](const Alert* alert) { return heirs[alert->rule].rule == kNoRule; });
  std::erase_if(host.sides, [&](const HostState::Side& side) { return heirs[side.rule].rule == kNoRule; });
  for (HostState::Side& side : host.sides) {
    side.rule = heirs[side.rule].rule;
    side.track->follow(rules_[side.rule].when.operands[side.operand]);
  }
  // Their keys begin with the rule's number.
  for (auto& [key, newest] : std::exchange(host.others, {})) {
    const std::size_t end = key.find('\0');
    const Heir& heir = heirs[std::stoul(key.substr(0, end))];
    if (heir.rule != kNoRule) host.others[std::to_string(heir.rule) + key.substr(end)] = newest;
  }
}

}  // namespace resmon::alert
