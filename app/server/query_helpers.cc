#include "query_helpers.h"

#include <memory>

#include "base/mutex.h"
#include "net/spawn.h"

namespace resmon::server {

namespace {

// The state that a helper needs even if it starts long after run() has returned.
struct Call {
  explicit Call(const std::function<void()>* wanted) : work(wanted) {}
  Mutex mutex;
  Condition changed;
  const std::function<void()>* work GUARDED_BY(mutex);  // null: nobody may begin any more
  std::size_t helping GUARDED_BY(mutex) = 0;
};

void help(Call& call) {
  const std::function<void()>* work = nullptr;
  {
    MutexLock lock(call.mutex);
    work = call.work;
    if (work == nullptr) return;
    ++call.helping;
  }
  (*work)();
  MutexLock lock(call.mutex);
  if (--call.helping == 0) call.changed.notify_all();
}

}  // namespace

// Nobody waits for a helper that has not begun: with all threads busy each does its own work, and run() within run()
// cannot lock up.
void QueryHelpers::run(const std::function<void()>& work) const {
  const auto call = std::make_shared<Call>(&work);
  for (std::size_t i = 0; i < others_; ++i) net::post(pool_.get_executor(), [call] { help(*call); });
  work();
  MutexLock lock(call->mutex);
  call->work = nullptr;
  while (call->helping > 0) call->changed.wait(call->mutex);
}

}  // namespace resmon::server
