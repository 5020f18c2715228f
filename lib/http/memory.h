#pragma once

// One memory bound for all requests together: heads, bodies as received and unpacked, parameters, and answers until
// their clients have received them. The last eighth is reserved for small requests, so that large ones do not block
// health checks.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace resmon::http {

// Thread-safe.
class Memory {
 public:
  static constexpr std::size_t kSmallBytes = 64U << 10U;

  explicit Memory(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // `small`: the request uses at most kSmallBytes in total.
  bool take(std::size_t bytes, bool small) {
    const std::uint64_t limit = small ? limit_bytes_ : limit_bytes_ - limit_bytes_ / 8;
    if (used_.fetch_add(bytes) + bytes <= limit) return true;
    used_ -= bytes;
    return false;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }
  std::uint64_t used_bytes() const { return used_; }
  std::uint64_t limit_bytes() const { return limit_bytes_; }

 private:
  const std::uint64_t limit_bytes_;
  std::atomic<std::uint64_t> used_{0};
};

// One request's share. One thread at a time.
class MemoryLease {
 public:
  explicit MemoryLease(std::shared_ptr<Memory> memory) : memory_(std::move(memory)) {}
  ~MemoryLease() { memory_->give_back(held_); }
  MemoryLease(const MemoryLease&) = delete;
  MemoryLease& operator=(const MemoryLease&) = delete;

  // False: there is not so much left; the lease is as it was. Less is always given.
  [[nodiscard]] bool hold(std::size_t bytes) {
    if (bytes > held_ && !memory_->take(bytes - held_, bytes <= Memory::kSmallBytes)) return false;
    if (bytes < held_) memory_->give_back(held_ - bytes);
    held_ = bytes;
    return true;
  }
  [[nodiscard]] bool hold_more(std::size_t bytes) { return hold(held_ + bytes); }
  std::size_t held_bytes() const { return held_; }

 private:
  const std::shared_ptr<Memory> memory_;
  std::size_t held_ = 0;
};

}  // namespace resmon::http
