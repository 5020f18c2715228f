#pragma once

// An interface to other threads that help to execute one statement.

#include <cstddef>
#include <functional>

namespace resmon::influxql {

class Helpers {
 public:
  virtual ~Helpers() = default;
  // Calls work() here and, where threads are idle, on some of them at the same time; returns when all of these calls
  // have. work() takes what there is to do piece by piece until nothing is left, so one call of it is enough, and may
  // itself call run(). It must not throw.
  virtual void run(const std::function<void()>& work) const = 0;
};

// done(i) for each i below `count`, in ascending order as far as they are begun, on this thread and on those that
// `helpers` (may be null: then only here) has; no further ones are begun once a call has returned false. An exception
// is thrown on, when all have ended.
void for_each_index(const Helpers* helpers, std::size_t count, const std::function<bool(std::size_t)>& done);

}  // namespace resmon::influxql
