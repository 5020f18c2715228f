#pragma once

// Wakes the one coroutine that waits for a journal's reader to have something.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "net/spawn.h"

namespace resmon::server {

struct Bell {
  explicit Bell(const boost::asio::any_io_executor& executor) : timer(executor) {}
  boost::asio::steady_timer timer;
  std::atomic<bool> waiting{false};
};

// For the reader's on_readable: from any thread, and also after the waiting object is gone.
inline std::function<void()> ringer(const std::shared_ptr<Bell>& bell, const boost::asio::any_io_executor& executor) {
  return [bell, executor] {
    // One wake-up for all that becomes durable until the sink has looked again.
    if (bell->waiting.exchange(false)) net::post(executor, [bell] { bell->timer.cancel(); });
  };
}

}  // namespace resmon::server
