#pragma once

// Logs that something fails, and that it works again: once each, and at most once a minute for a failure that comes and
// goes. Not thread-safe.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace resmon::collect {

class FailureLog {
 public:
  // `kind`, as in "collector failed", and `name` say what it is.
  FailureLog(std::string_view kind, std::string_view name) : kind_(kind), name_(name) {}

  void failed(const std::string& error, std::chrono::steady_clock::time_point now) {
    if ((said_at_ && now - *said_at_ < kInterval) || (told_ && error == said_)) return;
    log::warn("collect", kind_ + " failed", {{kind_, name_}, {"error", error}});
    told_ = true;
    said_ = error;
    said_at_ = now;
  }

  void works() {
    if (std::exchange(told_, false)) log::info("collect", kind_ + " works again", {{kind_, name_}});
  }

 private:
  static constexpr std::chrono::minutes kInterval{1};

  std::string kind_;
  std::string name_;
  bool told_ = false;  // that it fails, and not yet that it works again
  std::string said_;   // the error that was logged last
  std::optional<std::chrono::steady_clock::time_point> said_at_;
};

}  // namespace resmon::collect
