#pragma once

// A mutex of four bytes: every group has one, and a million of std::mutex are 40 MB. Not recursive; nothing is fair.

#include <atomic>
#include <cstdint>

namespace resmon::store {

class SmallMutex {
 public:
  void lock() {
    std::uint32_t expected = kFree;
    if (state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) return;
    // Whoever waited cannot know whether others still do.
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) state_.wait(kAwaited);
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kAwaited = 2;
  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace resmon::store
