#include "collect/statfs_pool.h"

#include <signal.h>

#include <system_error>
#include <thread>

namespace resmon::collect {

StatfsPool::StatfsPool(StatfsFunction function, DeviceFunction device_function, std::size_t most_threads)
    : most_threads_(most_threads), common_(std::make_shared<Common>(std::move(function), std::move(device_function))) {}

StatfsPool::~StatfsPool() {
  const std::lock_guard lock(common_->mutex);
  common_->stop = true;
  common_->work.notify_all();
}

StatfsPool::State StatfsPool::state(const Call& call) const {
  const std::lock_guard lock(common_->mutex);
  return call.state;
}

std::size_t StatfsPool::threads() const {
  const std::lock_guard lock(common_->mutex);
  return common_->threads;
}

void StatfsPool::ask(const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(common_->mutex);
  call->state = State::kQueued;
  common_->queue.push_back(call);
  common_->work.notify_one();
  if (common_->queue.size() <= common_->waiting || common_->threads >= most_threads_) return;
  // Signals are the business of the program's own threads.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([common = common_] { run(common); }).detach();
    ++common_->threads;
  } catch (const std::system_error&) {
    // No thread to be had: the call stays queued and is tried again with the next one.
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool StatfsPool::wait(const Call& call, Clock::time_point deadline) {
  std::unique_lock lock(common_->mutex);
  return common_->done.wait_until(lock, deadline, [&] { return call.state == State::kDone; });
}

StatfsPool::Answer StatfsPool::take(Call& call) {
  const std::lock_guard lock(common_->mutex);
  call.state = State::kIdle;
  return {call.error_number, call.value, call.device, call.took};
}

void StatfsPool::run(const std::shared_ptr<Common>& common) {
  std::unique_lock lock(common->mutex);
  while (true) {
    ++common->waiting;
    common->work.wait(lock, [&] { return common->stop || !common->queue.empty(); });
    --common->waiting;
    if (common->stop) break;
    const std::shared_ptr<Call> call = std::move(common->queue.front());
    common->queue.erase(common->queue.begin());
    call->state = State::kRunning;
    lock.unlock();
    struct ::statfs value {};
    const auto begin = Clock::now();
    const int error_number = common->function(call->path.c_str(), &value);
    std::optional<Device> device;
    if (error_number == 0) device = common->device_function(call->path.c_str());
    const auto took = Clock::now() - begin;
    lock.lock();
    call->state = State::kDone;
    call->error_number = error_number;
    call->value = value;
    call->device = device;
    call->took = took;
    common->done.notify_all();
  }
  --common->threads;
}

}  // namespace resmon::collect
