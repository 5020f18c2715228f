#include "query_helpers.h"

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace resmon::server {

namespace {

// The state that a helper needs even if it starts long after run() has returned.
struct Call {
  std::mutex mutex;
  std::condition_variable changed;
  const std::function<void()>* work = nullptr;  // guarded by mutex; null: nobody may begin any more
  std::size_t helping = 0;                      // guarded by mutex
};

void help(Call& call) {
  const std::function<void()>* work = nullptr;
  {
    std::lock_guard lock(call.mutex);
    work = call.work;
    if (work == nullptr) return;
    ++call.helping;
  }
  (*work)();
  std::lock_guard lock(call.mutex);
  if (--call.helping == 0) call.changed.notify_all();
}

}  // namespace

// Nobody waits for a helper that has not begun: with all threads busy each does its own work, and run() within run()
// cannot lock up.
void QueryHelpers::run(const std::function<void()>& work) const {
  const auto call = std::make_shared<Call>();
  call->work = &work;
  for (std::size_t i = 0; i < others_; ++i) boost::asio::post(pool_, [call] { help(*call); });
  work();
  std::unique_lock lock(call->mutex);
  call->work = nullptr;
  call->changed.wait(lock, [&] { return call->helping == 0; });
}

}  // namespace resmon::server
