#include "alert/alert_table.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace resmon::alert {

namespace {

constexpr std::ptrdiff_t kAlertsToShareTagsWith = 32;  // the newest of a host

}  // namespace

std::size_t AlertHash::operator()(const AlertKey& key) const {
  std::size_t hash = std::hash<const void*>()(key.host) * 31 + key.rule;
  for (const metric::Tag& tag : *key.tags)
    hash = (hash ^ std::hash<std::string>()(tag.key) ^ (std::hash<std::string>()(tag.value) << 1U)) * 1099511628211ULL;
  return hash;
}

std::size_t AlertHash::operator()(const std::unique_ptr<Alert>& alert) const {
  return (*this)(AlertKey{alert->rule, alert->host, &alert->tags.items()});
}

bool AlertEqual::operator()(const AlertKey& key, const std::unique_ptr<Alert>& alert) const {
  return key.rule == alert->rule && key.host == alert->host && *key.tags == alert->tags.items();
}

Alert* AlertTable::find(const HostState& host, std::uint32_t rule, const std::vector<metric::Tag>& tags) const {
  const auto found = alerts_.find(AlertKey{rule, &host, &tags});
  return found == alerts_.end() ? nullptr : found->get();
}

Alert* AlertTable::get(HostState& host, std::uint32_t rule, const std::vector<metric::Tag>& tags) {
  if (Alert* const known = find(host, rule, tags)) return known;
  if (alerts_.size() >= most_) {
    ++refused_;
    return nullptr;
  }
  auto made = std::make_unique<Alert>();
  made->rule = rule;
  made->host = &host;
  const auto newest = host.alerts.end() - std::min<std::ptrdiff_t>(std::ssize(host.alerts), kAlertsToShareTagsWith);
  const auto same =
      std::find_if(newest, host.alerts.end(), [&](const Alert* one) { return one->tags.items() == tags; });
  made->tags = same != host.alerts.end() ? (*same)->tags : metric::SharedList<metric::Tag>(tags);
  made->tracks.resize(rules_[rule].when.operands.size());
  Alert* const alert = made.get();
  alerts_.insert(std::move(made));
  host.alerts.push_back(alert);
  return alert;
}

void AlertTable::activate(Alert& alert) {
  if (!std::exchange(alert.listed, true)) active_.push_back(&alert);
}

void AlertTable::settle() {
  std::erase_if(active_, [](Alert* alert) {
    const bool done = alert->state == AlertState::kOk && !alert->notified;
    if (done) alert->listed = false;
    return done;
  });
}

std::size_t AlertTable::forget_unused(HostState& host, UnixNanos now) {
  for (Alert*& alert : host.alerts) {
    if (alert->listed || now - std::max(alert->time, alert->evaluated) < kForgetAfter) continue;
    alerts_.erase(alerts_.find(AlertKey{alert->rule, alert->host, &alert->tags.items()}));
    alert = nullptr;
  }
  return std::erase(host.alerts, nullptr);
}

void AlertTable::take_over(AlertTable& before, const std::vector<Heir>& heirs) {
  std::erase_if(before.active_, [&](const Alert* alert) { return heirs[alert->rule].rule == kNoRule; });
  active_ = std::move(before.active_);
  refused_ = before.refused_;
  while (!before.alerts_.empty()) {
    auto node = before.alerts_.extract(before.alerts_.begin());
    Alert& alert = *node.value();
    const Heir& heir = heirs[alert.rule];
    if (heir.rule == kNoRule) continue;
    alert.rule = heir.rule;
    const std::vector<Operand>& operands = rules_[alert.rule].when.operands;
    for (std::size_t o = 0; o < operands.size(); ++o)
      if (alert.tracks[o]) alert.tracks[o]->follow(operands[o]);
    if (!heir.unchanged) alert.begin_anew();
    alerts_.insert(std::move(node));
  }
}

}  // namespace resmon::alert
