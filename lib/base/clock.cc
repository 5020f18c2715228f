#include "base/clock.h"

namespace resmon {

namespace {

class SystemClock final : public Clock {
 public:
  UnixNanos wall() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

const Clock& Clock::system() {
  static const SystemClock instance;
  return instance;
}

}  // namespace resmon
