#include "logs/tails.h"

#include <iterator>
#include <utility>

#include "logs/heads.h"

namespace resmon::logs {

namespace {

constexpr std::size_t kTailBytes = 4U << 20U;  // that wait for one live viewer
constexpr std::size_t kMostTails = 64;

}  // namespace

std::vector<Arrival> Tail::take(std::uint64_t& dropped) {
  const MutexLock lock(mutex_);
  std::vector<Arrival> out(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  bytes_ = 0;
  dropped = std::exchange(dropped_, 0);
  return out;
}

bool Tail::add(const std::string& host, const std::shared_ptr<const logline::Lines>& lines) {
  const std::size_t bytes = lines->text_bytes() + kLineBytes * lines->size();
  const MutexLock lock(mutex_);
  if (bytes_ > 0 && bytes_ + bytes > kTailBytes) {
    dropped_ += lines->size();
    return false;
  }
  bytes_ += bytes;
  waiting_.push_back({host, lines});
  return true;
}

void Tails::forget_left() {
  std::erase_if(tails_, [](const std::weak_ptr<Tail>& tail) { return tail.expired(); });
}

std::shared_ptr<Tail> Tails::follow() {
  const MutexLock lock(mutex_);
  forget_left();
  if (tails_.size() >= kMostTails) return nullptr;
  auto tail = std::make_shared<Tail>();
  tails_.push_back(tail);
  return tail;
}

void Tails::show(const std::string& host, const std::shared_ptr<const logline::Lines>& lines) {
  std::vector<std::shared_ptr<Tail>> tails;
  {
    const MutexLock lock(mutex_);
    forget_left();
    for (const auto& tail : tails_)
      if (auto held = tail.lock()) tails.push_back(std::move(held));
  }
  for (const auto& tail : tails)
    if (!tail->add(host, lines)) dropped_lines_ += lines->size();
}

}  // namespace resmon::logs
