#include "collect/helper_pool.h"

#include <signal.h>

#include <system_error>
#include <thread>

namespace resmon::collect {

HelperPool::HelperPool(std::size_t most_threads) : most_threads_(most_threads) {}

HelperPool::~HelperPool() {
  const MutexLock lock(common_->mutex);
  common_->stop = true;
  common_->work.notify_all();
}

HelperPool::State HelperPool::state(const Job& job) const {
  const MutexLock lock(common_->mutex);
  return job.state_;
}

void HelperPool::ask(const std::shared_ptr<Job>& job) {
  const MutexLock lock(common_->mutex);
  job->state_ = State::kQueued;
  common_->queue.push_back(job);
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
    // No thread to be had: the job stays queued and is tried again with the next one.
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool HelperPool::wait(const Job& job, Clock::time_point deadline) {
  const MutexLock lock(common_->mutex);
  while (job.state_ != State::kDone)
    if (!common_->done.wait_until(common_->mutex, deadline)) return job.state_ == State::kDone;
  return true;
}

HelperPool::Clock::duration HelperPool::take(Job& job) {
  const MutexLock lock(common_->mutex);
  job.state_ = State::kIdle;
  return job.took_;
}

void HelperPool::run(const std::shared_ptr<Common>& common) {
  MutexLock lock(common->mutex);
  while (true) {
    ++common->waiting;
    while (!common->stop && common->queue.empty()) common->work.wait(common->mutex);
    --common->waiting;
    if (common->stop) break;
    const std::shared_ptr<Job> job = std::move(common->queue.front());
    common->queue.erase(common->queue.begin());
    job->state_ = State::kRunning;
    lock.unlock();
    const auto begin = Clock::now();
    job->run();
    const auto took = Clock::now() - begin;
    lock.lock();
    job->state_ = State::kDone;
    job->took_ = took;
    common->done.notify_all();
  }
  --common->threads;
}

}  // namespace resmon::collect
