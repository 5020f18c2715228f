#pragma once

// How long samples waited for their acknowledgement: a histogram whose buckets are a sixteenth of a power of two wide,
// so that a percentile is known to 4 %.

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace resmon::load {

class Latency {
 public:
  explicit Latency(std::chrono::steady_clock::time_point count_from) : count_from_(count_from) {}

  void add(std::chrono::steady_clock::time_point taken, std::chrono::steady_clock::time_point now) {
    if (taken < count_from_) return;
    ++count_;
    ++buckets_[bucket_of(static_cast<std::uint64_t>((now - taken).count()))];
  }
  std::uint64_t count() const { return count_; }
  // The time that this share of all waited at most, in milliseconds; 0 when nothing was counted.
  double percentile_milliseconds(double share) const {
    std::uint64_t left = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      if (buckets_[b] > left) return middle_of(b) / 1e6;
      left -= buckets_[b];
    }
    return 0;
  }

 private:
  static constexpr std::size_t kParts = 16;
  static std::size_t bucket_of(std::uint64_t nanoseconds) {
    if (nanoseconds < kParts) return nanoseconds;
    const auto power = static_cast<std::size_t>(std::bit_width(nanoseconds) - 1);
    return (power - 3) * kParts + (nanoseconds >> (power - 4)) % kParts;
  }
  static double middle_of(std::size_t bucket) {
    if (bucket < kParts) return static_cast<double>(bucket);
    const std::size_t power = bucket / kParts + 3;
    return (static_cast<double>(kParts + bucket % kParts) + 0.5) * static_cast<double>(1ULL << (power - 4));
  }

  const std::chrono::steady_clock::time_point count_from_;
  std::uint64_t count_ = 0;
  std::array<std::uint64_t, 64 * kParts> buckets_{};
};

}  // namespace resmon::load
