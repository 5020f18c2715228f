#include <algorithm>
#include <utility>

#include "fleet/fleet.h"
#include "fleet/fleet_internal.h"

// What other servers say of hosts, beside what this one knows. A host is shown as the server says that heard from it
// last; its state is that of the moment of the server's last answer, so that a host is not late because its server's
// answer is.

namespace resmon::fleet {

namespace {

// A host that is connected here is shown from here, unless another server heard from it later by more than this.
constexpr std::int64_t kElsewhereSlack = 1'000'000'000;

// Both at work at the same time: each was heard from after the other had come.
bool both_at_work(const Host& a, const Host& b, UnixNanos now) {
  if (!a.connected || !b.connected) return false;
  const UnixNanos both_there = std::max(a.connected_since, b.connected_since) + kElsewhereSlack;
  if (a.last_seen <= both_there || b.last_seen <= both_there) return false;
  const auto lately = [now](const Host& host) {
    return now - host.last_seen <= 3 * host.interval.count() + 5 * kElsewhereSlack;
  };
  return lately(a) && lately(b);
}

}  // namespace

State Fleet::state_there(const Elsewhere& there, UnixNanos now) const {
  const Host& host = there.host;
  const UnixNanos at = std::min(now, there.peer->second.answered);
  const State state = state_at(at, host.last_seen, host.interval, host.connected);
  return there.peer->second.away ? std::max(state, State::kLate) : state;
}

const Fleet::Elsewhere* Fleet::shown_there(const Entry& entry, UnixNanos now) const {
  const Elsewhere* best = nullptr;
  for (const Elsewhere& there : entry.elsewhere)
    if (best == nullptr || there.host.last_seen > best->host.last_seen) best = &there;
  if (best == nullptr || !entry.own) return best;
  const Host& own = entry.host;
  if (best->host.last_seen <= own.last_seen + kElsewhereSlack) return nullptr;
  const bool at_work = own.connected && state_at(now, own.last_seen, own.interval, true) == State::kUp;
  return at_work ? nullptr : best;
}

std::string Fleet::also_on(const Entry& entry, UnixNanos now) const {
  if (!entry.own) return {};
  for (const Elsewhere& there : entry.elsewhere)
    if (!there.peer->second.away && both_at_work(entry.host, there.host, now)) return there.peer->second.shown;
  return {};
}

State Fleet::state_of(const Entry& entry, UnixNanos now, Scope scope) const {
  if (scope == Scope::kAll)
    if (const Elsewhere* const there = shown_there(entry, now)) return state_there(*there, now);
  const Host& host = entry.host;
  return state_at(now, host.last_seen, host.interval, host.connected);
}

Host Fleet::view(const Entry& entry, UnixNanos now, Scope scope) const {
  const Elsewhere* const there = scope == Scope::kAll ? shown_there(entry, now) : nullptr;
  Host host = there != nullptr ? there->host : entry.host;
  host.state = state_of(entry, now, scope);
  if (there != nullptr) {
    host.server = there->peer->second.shown;
    host.server_away = there->peer->second.away;
    host.version = entry.host.version;
    if (entry.own) {
      host.first_seen = std::min(host.first_seen, entry.host.first_seen);
      if (entry.host.settings) host.settings = entry.host.settings;
    }
  } else if (scope == Scope::kAll && !entry.elsewhere.empty()) {
    for (const Elsewhere& one : entry.elsewhere) host.first_seen = std::min(host.first_seen, one.host.first_seen);
  }
  if (entry.own) host.also_on = entry.doubled;
  return host;
}

std::vector<Host> Fleet::hosts(Scope scope) const {
  const UnixNanos now = clock_.wall();
  MutexLock lock(mutex_);
  std::vector<Host> out;
  out.reserve(entries_.size());
  for (const auto& [name, entry] : entries_)
    if (entry->own || scope == Scope::kAll) out.push_back(view(*entry, now, scope));
  return out;
}

std::vector<Host> Fleet::changed(std::uint64_t after, UnixNanos before, Scope scope) const {
  const UnixNanos now = clock_.wall();
  MutexLock lock(mutex_);
  std::vector<Host> out;
  for (const auto& [name, entry] : entries_) {
    if (!entry->own && scope == Scope::kOwn) continue;
    if (entry->host.version > after || state_of(*entry, now, scope) != state_of(*entry, before, scope))
      out.push_back(view(*entry, now, scope));
  }
  return out;
}

std::vector<Host> Fleet::hosts_to_watch() const {
  const UnixNanos now = clock_.wall();
  MutexLock lock(mutex_);
  std::vector<Host> out;
  out.reserve(own_);
  for (const auto& [name, entry] : entries_) {
    if (!entry->own) continue;
    out.push_back(view(*entry, now));
    const Elsewhere* const there = shown_there(*entry, now);
    if (there == nullptr || there->peer->second.away) continue;
    out.back().state = State::kUp;
    out.back().last_seen = now;
  }
  return out;
}

void Fleet::drop_elsewhere(Entry& entry, const std::string& peer) {
  const std::size_t gone =
      std::erase_if(entry.elsewhere, [&](const Elsewhere& there) { return there.peer->first == peer; });
  if (gone > 0) entry.host.version = ++version_;
}

std::vector<Doubled> Fleet::peer_says(const PeerReport& report) {
  MutexLock lock(mutex_);
  const auto peer = peers_.try_emplace(report.peer).first;
  const Peer before = std::exchange(peer->second, Peer{report.shown, false, report.now});
  std::map<std::string_view, const Host*> said;
  for (const Host& host : report.hosts) said.emplace(host.name, &host);
  std::map<std::string_view, bool> removed;
  for (const std::string& name : report.removed) removed.emplace(name, true);

  std::vector<Doubled> out;
  const auto there_in = [&](Entry& entry) {
    return std::find_if(entry.elsewhere.begin(), entry.elsewhere.end(),
                        [&](const Elsewhere& there) { return there.peer == peer; });
  };
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = *it->second;
    const auto there = there_in(entry);
    const auto now_said = said.find(it->first);
    if (now_said != said.end()) {
      if (there == entry.elsewhere.end())
        entry.elsewhere.push_back({peer, *now_said->second});
      else
        there->host = *now_said->second;
      said.erase(now_said);
      entry.host.version = ++version_;
    } else if (there != entry.elsewhere.end() && (report.whole || removed.contains(it->first))) {
      drop_elsewhere(entry, report.peer);
    } else if (there != entry.elsewhere.end()) {
      const Host& host = there->host;
      const auto state = [&](UnixNanos at) { return state_at(at, host.last_seen, host.interval, host.connected); };
      if (before.away || before.shown != report.shown || state(before.answered) != state(report.now))
        entry.host.version = ++version_;
    }
    std::string with = also_on(entry, report.now);
    const bool again = std::exchange(entry.suspected, with) == with;
    if (again && with != entry.doubled) {
      entry.host.version = ++version_;
      out.push_back({it->first, with.empty() ? entry.doubled : with, with.empty()});
      entry.doubled = std::move(with);
    }
    if (entry.own || !entry.elsewhere.empty()) {
      ++it;
      continue;
    }
    note_removal(it->first);
    it = entries_.erase(it);
  }
  for (const auto& [name, host] : said) {
    if (entries_.size() - own_ >= limits_.hosts) break;  // others' hosts are bounded as ours are
    auto& made = entries_[std::string(name)];
    made = std::make_unique<Entry>();
    made->host.name = name;
    made->elsewhere.push_back({peer, *host});
    made->host.version = ++version_;
  }
  return out;
}

std::string Fleet::server_of(std::string_view name) const {
  const UnixNanos now = clock_.wall();
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  const Elsewhere* const there = found == entries_.end() ? nullptr : shown_there(*found->second, now);
  return there == nullptr ? "" : there->peer->second.shown;
}

void Fleet::peer_away(const std::string& name, bool away) {
  MutexLock lock(mutex_);
  const auto peer = peers_.find(name);
  if (peer == peers_.end() || std::exchange(peer->second.away, away) == away) return;
  for (const auto& [host, entry] : entries_)
    for (const Elsewhere& there : entry->elsewhere)
      if (there.peer->first == name) entry->host.version = ++version_;
}

}  // namespace resmon::fleet
