#include "influxql/helpers.h"

#include <atomic>
#include <exception>

#include "base/mutex.h"

namespace resmon::influxql {

void for_each_index(const Helpers* helpers, std::size_t count, const std::function<bool(std::size_t)>& done) {
  if (helpers == nullptr || count < 2) {
    for (std::size_t i = 0; i < count && done(i); ++i) {
    }
    return;
  }
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stopped{false};
  Mutex mutex;
  std::exception_ptr thrown;  // guarded by mutex
  helpers->run([&] {
    try {
      while (!stopped) {
        const std::size_t i = next++;
        if (i >= count) return;
        if (!done(i)) stopped = true;
      }
    } catch (...) {
      stopped = true;
      MutexLock lock(mutex);
      thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace resmon::influxql
