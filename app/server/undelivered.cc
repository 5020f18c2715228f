#include "undelivered.h"

#include <algorithm>

namespace resmon::server {

namespace {

constexpr std::size_t kMostStretches = 4096;

}  // namespace

void Undelivered::note(std::uint64_t position, UnixNanos oldest) {
  const MutexLock lock(mutex_);
  if (!stretches_.empty() && stretches_.back().entries < stretch_entries_) {
    Stretch& last = stretches_.back();
    ++last.entries;
    last.last_position = position;
    last.oldest = std::min(last.oldest, oldest);
    return;
  }
  stretches_.push_back({1, position, oldest});
  if (stretches_.size() > kMostStretches) join_neighbours();
}

// The more is waiting, the coarser it is known.
void Undelivered::join_neighbours() {
  stretch_entries_ *= 2;
  std::deque<Stretch> joined;
  for (std::size_t i = 0; i < stretches_.size(); ++i) {
    const Stretch& one = stretches_[i];
    if (i % 2 == 0) {
      joined.push_back(one);
      continue;
    }
    Stretch& to = joined.back();
    to = {to.entries + one.entries, one.last_position, std::min(to.oldest, one.oldest)};
  }
  stretches_ = std::move(joined);
}

UnixNanos Undelivered::since(std::uint64_t delivered) {
  const MutexLock lock(mutex_);
  while (!stretches_.empty() && stretches_.front().last_position <= delivered) stretches_.pop_front();
  if (stretches_.empty()) stretch_entries_ = 1;
  if (delivered < unknown_through_) return INT64_MIN;
  UnixNanos oldest = INT64_MAX;
  for (const Stretch& one : stretches_) oldest = std::min(oldest, one.oldest);
  return oldest;
}

}  // namespace resmon::server
