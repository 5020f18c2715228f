#include "backfill_source.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "net/spawn.h"

namespace resmon::server {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kWatchEvery{100};

}  // namespace

BackfillSource::BackfillSource(asio::any_io_executor executor, UnixNanos first)
    : executor_(std::move(executor)), bell_(executor_), acknowledged_{0, first}, committed_{0, first} {}

BackfillSource::Next BackfillSource::put(std::shared_ptr<const metric::Batch> batch, const Watch& watch) {
  MutexLock lock(mutex_);
  while (!rewound_ && queue_.size() >= kMostQueued) {
    (void)changed_.wait_until(mutex_, steady_clock::now() + kWatchEvery);
    lock.unlock();
    if (!watch()) return Next::kStop;
    lock.lock();
  }
  if (rewound_) return Next::kRewind;
  queue_.push_back({std::move(batch), ++put_, Clock::system().wall()});
  idle_ = false;
  net::post(executor_, [this] { bell_.cancel(); });
  return Next::kGoOn;
}

void BackfillSource::mark(UnixNanos time) {
  const MutexLock lock(mutex_);
  if (rewound_) return;
  marks_[put_] = time;
  if (delivered_ == put_) advance(acknowledged_, put_);
  if (committed_.position == put_) advance(committed_, put_);
}

BackfillSource::Next BackfillSource::finish(steady_clock::duration settle, const Watch& watch) {
  MutexLock lock(mutex_);
  all_put_ = true;
  net::post(executor_, [this] { bell_.cancel(); });
  while (!rewound_) {
    if (idle_ && (!rewound_at_ || steady_clock::now() >= *rewound_at_ + settle)) return Next::kGoOn;
    (void)changed_.wait_until(mutex_, steady_clock::now() + kWatchEvery);
    lock.unlock();
    if (!watch()) return Next::kStop;
    lock.lock();
  }
  return Next::kRewind;
}

UnixNanos BackfillSource::restart() {
  const MutexLock lock(mutex_);
  rewound_ = all_put_ = idle_ = false;
  queue_.clear();
  marks_.clear();
  // Batches that come again get about the same positions, by which the sink knows them.
  put_ = delivered_ = committed_.position;
  acknowledged_ = committed_;
  return committed_.before;
}

UnixNanos BackfillSource::delivered_before() const {
  const MutexLock lock(mutex_);
  return acknowledged_.before;
}

UnixNanos BackfillSource::committed_before() const {
  const MutexLock lock(mutex_);
  return committed_.before;
}

asio::awaitable<std::optional<sink::Item>> BackfillSource::next(steady_clock::time_point wait_until) {
  while (true) {
    bell_.expires_at(wait_until);
    {
      const MutexLock lock(mutex_);
      if (!rewound_ && !queue_.empty()) {
        sink::Item item = std::move(queue_.front());
        queue_.pop_front();
        changed_.notify_all();
        co_return item;
      }
      if (all_put_ && !rewound_ && delivered_ == put_) {
        idle_ = true;
        changed_.notify_all();
      }
    }
    if (std::exchange(woken_, false) || steady_clock::now() >= wait_until) co_return std::nullopt;
    co_await net::wait(bell_);
  }
}

void BackfillSource::wake() {
  woken_ = true;
  bell_.cancel();
}

void BackfillSource::advance(Place& place, std::uint64_t position) const {
  const auto after = marks_.upper_bound(position);
  if (after == marks_.begin()) return;
  const auto& [at, before] = *std::prev(after);
  if (at >= place.position) place = {at, std::max(before, place.before)};
}

void BackfillSource::delivered(std::uint64_t position) {
  const MutexLock lock(mutex_);
  if (rewound_) return;
  delivered_ = position;
  advance(acknowledged_, position);
}

void BackfillSource::commit(std::uint64_t position) {
  const MutexLock lock(mutex_);
  if (rewound_) return;
  advance(committed_, position);
  marks_.erase(marks_.begin(), marks_.lower_bound(std::min(committed_.position, acknowledged_.position)));
}

bool BackfillSource::rewind() {
  const MutexLock lock(mutex_);
  rewound_ = true;
  rewound_at_ = steady_clock::now();
  queue_.clear();
  changed_.notify_all();
  return true;
}

}  // namespace resmon::server
