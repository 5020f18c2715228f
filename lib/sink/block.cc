#include "sink/block.h"

#include <algorithm>

namespace resmon::sink {

std::string_view Block::text(std::size_t first, std::size_t last) const {
  if (first >= last) return {};
  const std::size_t begin = first == 0 ? 0 : lines_[first - 1].end;
  return std::string_view(text_).substr(begin, lines_[last - 1].end - begin);
}

std::uint64_t Block::samples(std::size_t first, std::size_t last) const {
  std::uint64_t sum = 0;
  for (std::size_t i = first; i < last; ++i) sum += lines_[i].samples;
  return sum;
}

bool Delivery::split() {
  const Range range = todo_.back();
  if (range.last - range.first < 2) return false;
  const std::size_t middle = range.first + (range.last - range.first) / 2;
  // The earlier half is sent first, so that points arrive in the order of their time.
  todo_.back() = {middle, range.last};
  todo_.push_back({range.first, middle});
  return true;
}

void Delivery::put_off() {
  std::rotate(todo_.begin(), todo_.end() - 1, todo_.end());
  const auto size = [](const Range& a, const Range& b) { return a.last - a.first < b.last - b.first; };
  const auto largest = std::max_element(todo_.rbegin(), todo_.rend(), size).base() - 1;
  std::rotate(largest, largest + 1, todo_.end());
}

Backoff::Backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds last, std::uint64_t seed)
    : first_(std::max(first, std::chrono::nanoseconds(1))), last_(std::max(first_, last)), random_(seed) {}

std::chrono::nanoseconds Backoff::next() {
  std::chrono::nanoseconds wait = first_;
  for (unsigned i = 0; i < attempts_ && wait < last_; ++i) wait = wait > last_ / 2 ? last_ : wait * 2;
  if (attempts_ < 64) ++attempts_;
  wait = std::min(wait, last_);
  std::uniform_int_distribution<std::int64_t> less(0, wait.count() / 2);
  return wait - std::chrono::nanoseconds(less(random_));
}

}  // namespace resmon::sink
