#include "auth/attempts.h"

#include <algorithm>

namespace resmon::auth {

std::chrono::seconds Attempts::begin(const std::string& key, unsigned limit, Time now) {
  const MutexLock lock(mutex_);
  auto at = entries_.find(key);
  if (at != entries_.end() && now - at->second.began >= window_) {
    entries_.erase(at);
    at = entries_.end();
  }
  if (at == entries_.end()) {
    if (entries_.size() >= most_keys_)
      entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                      [](const auto& a, const auto& b) { return a.second.began < b.second.began; }));
    at = entries_.emplace(key, Entry{now, 0}).first;
  }
  if (at->second.count >= limit)
    return std::chrono::ceil<std::chrono::seconds>(at->second.began + window_ - now) + std::chrono::seconds(0);
  ++at->second.count;
  return std::chrono::seconds(0);
}

void Attempts::take_back(std::string_view key) {
  const MutexLock lock(mutex_);
  const auto at = entries_.find(key);
  if (at == entries_.end()) return;
  if (--at->second.count == 0) entries_.erase(at);
}

std::size_t Attempts::size() const {
  const MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace resmon::auth
