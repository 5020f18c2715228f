#include "auth/fair_queue.h"

#include <utility>

namespace resmon::auth {

bool FairQueue::add(Lane lane, const std::string& whose, Work work) {
  const MutexLock lock(mutex_);
  One& one = lanes_[static_cast<std::size_t>(lane)];
  if (one.waiting >= most_) return false;
  const auto [at, is_new] = one.work.try_emplace(whose);
  if (at->second.size() >= most_of_one_) return false;
  if (is_new) one.turns.push_back(whose);
  at->second.push_back(std::move(work));
  ++one.waiting;
  return true;
}

FairQueue::Work FairQueue::next() {
  const MutexLock lock(mutex_);
  for (One& one : lanes_) {
    if (one.turns.empty()) continue;
    const auto at = one.work.find(one.turns.front());
    Work out = std::move(at->second.front());
    at->second.pop_front();
    --one.waiting;
    if (at->second.empty()) {
      one.work.erase(at);
      one.turns.pop_front();
    } else {
      one.turns.splice(one.turns.end(), one.turns, one.turns.begin());
    }
    return out;
  }
  return {};
}

}  // namespace resmon::auth
