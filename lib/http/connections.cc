#include "http/connections.h"

#include <utility>
#include <vector>

namespace resmon::http {

namespace {

constexpr std::size_t index_of(Connections::State state) {
  return static_cast<std::size_t>(state);
}

}  // namespace

// By the time of entering the queue and not by the id: an old connection that has just been answered waits the
// shortest.
Connections::Rank Connections::rank_of(const std::string& name, const Queue& queue) const {
  return {queue.size(), -static_cast<std::int64_t>(entries_.at(queue.front()).since), name};
}

void Connections::enter_queue(Id id, Entry& entry, State state) {
  if (state == State::kWorking) return;
  entry.state = state;
  Queue& queue = addresses_[entry.address].queues[index_of(state)];
  auto& ranks = ranks_[index_of(state)];
  if (!queue.empty()) ranks.erase(rank_of(entry.address, queue));
  entry.since = ++stamp_;
  entry.place = queue.insert(queue.end(), id);
  ranks.insert(rank_of(entry.address, queue));
}

void Connections::leave_queue(Entry& entry) {
  if (entry.state == State::kWorking) return;
  Queue& queue = addresses_[entry.address].queues[index_of(entry.state)];
  auto& ranks = ranks_[index_of(entry.state)];
  ranks.erase(rank_of(entry.address, queue));
  queue.erase(entry.place);
  if (!queue.empty()) ranks.insert(rank_of(entry.address, queue));
  entry.state = State::kWorking;
}

void Connections::uncount(Entry& entry) {
  leave_queue(entry);
  entry.ending = true;
  --open_;
  const auto at = addresses_.find(entry.address);
  if (--at->second.open == 0) addresses_.erase(at);
}

Connections::Id Connections::victim_of(const Address& address) const {
  for (const Queue& queue : address.queues)
    if (!queue.empty()) return queue.front();
  return 0;
}

Connections::Id Connections::victim() const {
  for (const auto& ranks : ranks_)
    if (!ranks.empty()) return victim_of(addresses_.at(std::get<std::string>(*ranks.rbegin())));
  return 0;
}

Connections::Admission Connections::admit(const std::string& address, bool shared) {
  Close close;
  Admission out;
  {
    const MutexLock lock(mutex_);
    if (stopping_) return out;
    const auto known = addresses_.find(address);
    const bool over_share =
        !shared && most_of_address_ > 0 && known != addresses_.end() && known->second.open >= most_of_address_;
    if (over_share || open_ >= most_) {
      const Id ends = over_share ? victim_of(known->second) : victim();
      if (ends == 0) return out;
      out.ended_another = true;
      Entry& entry = entries_.at(ends);
      uncount(entry);
      close = std::exchange(entry.close, {});
    }
    out.id = ++last_;
    Entry& entry = entries_[out.id];
    entry.address = address;
    ++open_;
    ++addresses_[address].open;
    enter_queue(out.id, entry, State::kWaiting);
  }
  if (close) close();
  return out;
}

bool Connections::set_close(Id id, Close close) {
  const MutexLock lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.ending || stopping_) return false;
  at->second.close = std::move(close);
  return true;
}

void Connections::change(Id id, State state) {
  const MutexLock lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.ending) return;
  leave_queue(at->second);
  enter_queue(id, at->second, state);
}

void Connections::leave(Id id) {
  const MutexLock lock(mutex_);
  const auto at = entries_.find(id);
  if (at == entries_.end()) return;
  if (!at->second.ending) uncount(at->second);
  entries_.erase(at);
}

void Connections::stop() {
  std::vector<Close> closes;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (auto& [id, entry] : entries_)
      if (entry.close) closes.push_back(std::exchange(entry.close, {}));
  }
  for (const Close& close : closes) close();
}

}  // namespace resmon::http
