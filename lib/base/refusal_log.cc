#include "base/refusal_log.h"

#include "base/log.h"
#include "base/network.h"

namespace resmon {

bool RefusalLog::say(std::string_view address, const std::string& reason) {
  const MutexLock lock(mutex_);
  return repeats_.say(network_of(address), reason, std::chrono::steady_clock::now());
}

void RefusalLog::report() {
  std::vector<Repeats::Summary> due;
  {
    const MutexLock lock(mutex_);
    due = repeats_.due(std::chrono::steady_clock::now());
  }
  for (const Repeats::Summary& one : due)
    log::warn(component_, "refused again in the last minute",
              {{"address", one.key}, {"times", one.times}, {"last_reason", one.last_text}});
}

}  // namespace resmon
