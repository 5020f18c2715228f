#pragma once

// What the stages of starting and stopping share.

#include <chrono>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace resmon::server {

// Says in the log how long a step of starting or stopping took.
class Step {
 public:
  explicit Step(std::string what) : what_(std::move(what)) {}
  ~Step() {
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    log::info("server", what_, {{"seconds", took}});
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  const std::string what_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Files that the configuration names are part of it, whatever is wrong with them.
inline Unexpected<Error> configuration_error(Error error) {
  return fail(ErrorKind::kInvalid, std::move(error.message));
}

}  // namespace resmon::server
