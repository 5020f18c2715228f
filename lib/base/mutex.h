#pragma once

// The standard library's mutexes with annotations for Clang, which libstdc++'s have not: GUARDED_BY(mutex_) and
// REQUIRES(mutex_) are then checked by the compiler (base/thread_annotations.h). They cost what the standard's cost.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#include "base/thread_annotations.h"

namespace resmon {

// `Standard`: std::mutex, or anything with its functions.
template <class Standard>
class CAPABILITY("mutex") AnnotatedMutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

  Standard& standard() { return mutex_; }

 private:
  Standard mutex_;
};

using Mutex = AnnotatedMutex<std::mutex>;

class CAPABILITY("mutex") SharedMutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  void lock_shared() ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

// Holds a mutex for its scope; what std::lock_guard is to std::mutex. It may be let go and taken again on the way.
template <class M>
class SCOPED_CAPABILITY Locked {
 public:
  explicit Locked(M& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  // The mutex is held already.
  Locked(M& mutex, std::adopt_lock_t) REQUIRES(mutex) : mutex_(mutex) {}
  ~Locked() RELEASE() {
    if (held_) mutex_.unlock();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  void lock() ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }
  void unlock() RELEASE() {
    held_ = false;
    mutex_.unlock();
  }

 private:
  M& mutex_;
  bool held_ = true;
};
using MutexLock = Locked<Mutex>;

class SCOPED_CAPABILITY SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.lock_shared(); }
  ~SharedLock() RELEASE_GENERIC() { mutex_.unlock_shared(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  SharedMutex& mutex_;
};

// std::condition_variable for a Mutex. No predicates: Clang reads a lambda without the locks of the function that it is
// in, so the loop around a wait stands where the wait is.
class Condition {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock lock(mutex.standard(), std::adopt_lock);
    condition_.wait(lock);
    (void)lock.release();
  }
  // False: the time came first.
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point until) REQUIRES(mutex) {
    std::unique_lock lock(mutex.standard(), std::adopt_lock);
    const std::cv_status status = condition_.wait_until(lock, until);
    (void)lock.release();
    return status == std::cv_status::no_timeout;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace resmon
