#pragma once

// Limits repeated log lines to one a minute: a sender that is refused a thousand times a second must not fill the log.
// Not thread-safe.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace resmon {

class Repeats {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Summary {
    std::string key;        // kOthers: of keys that there was no room for
    std::uint64_t times;    // not said, since the event of this key that was
    std::string last_text;  // of the last of them
  };
  static constexpr const char* kOthers = "others";

  explicit Repeats(std::chrono::nanoseconds period = std::chrono::minutes(1), std::size_t most_keys = 1024)
      : period_(period), most_keys_(most_keys) {}

  // True: say it. False: an event of this key was said less than a period ago; this one is in the next summary.
  bool say(const std::string& key, const std::string& text, Time now) {
    const bool known = known_.contains(key);
    const auto [at, fresh] = known_.try_emplace(known || known_.size() < most_keys_ ? key : kOthers, Kept{now, 0, {}});
    if (fresh) return true;
    ++at->second.held_back;
    at->second.last_text = text;
    return false;
  }
  // The suppressed events of past periods. Call about once a second.
  std::vector<Summary> due(Time now) {
    std::vector<Summary> out;
    for (auto it = known_.begin(); it != known_.end();) {
      Kept& kept = it->second;
      if (now - kept.since < period_) {
        ++it;
      } else if (kept.held_back == 0) {
        it = known_.erase(it);
      } else {
        out.push_back({it->first, kept.held_back, std::move(kept.last_text)});
        kept = {now, 0, {}};
        ++it;
      }
    }
    return out;
  }

 private:
  struct Kept {
    Time since;
    std::uint64_t held_back;
    std::string last_text;
  };
  const std::chrono::nanoseconds period_;
  const std::size_t most_keys_;
  std::map<std::string, Kept> known_;
};

}  // namespace resmon
