#pragma once

// What verbs remember of series: bounded, and forgotten when a series has not been seen for a while.

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace resmon::rule {

struct SeriesState {
  UnixNanos seen = 0;          // when its last row came
  UnixNanos time = INT64_MIN;  // of its newest row
  UnixNanos sent = INT64_MIN;  // dedup: of the last row that went on
  std::uint64_t values = 0;    // dedup: of that row, as a hash
  std::uint64_t count = 0;     // sample
  struct Rate {
    double value = 0;
    UnixNanos time = INT64_MIN;
    double before = 0;
    UnixNanos before_time = INT64_MIN;
  };
  std::vector<Rate> rates;  // derive: by name of a formula
};

class SeriesTable {
 public:
  explicit SeriesTable(std::size_t most, std::int64_t idle) : most_(most), idle_(idle) {}

  // Null: it is new, and there is no room.
  SeriesState* find(const std::string& key, UnixNanos now) {
    if (now - swept_ > idle_ / 4 || now < swept_) sweep(now);
    const auto at = states_.find(key);
    if (at != states_.end()) {
      at->second.seen = now;
      return &at->second;
    }
    if (states_.size() >= most_) return nullptr;
    SeriesState& made = states_[key];
    made.seen = now;
    return &made;
  }
  bool has(const std::string& key) const { return states_.contains(key); }
  std::size_t size() const { return states_.size(); }

 private:
  void sweep(UnixNanos now) {
    swept_ = now;
    std::erase_if(states_, [&](const auto& one) { return now - one.second.seen > idle_; });
  }

  const std::size_t most_;
  const std::int64_t idle_;
  UnixNanos swept_ = 0;
  std::unordered_map<std::string, SeriesState> states_;
};

}  // namespace resmon::rule
