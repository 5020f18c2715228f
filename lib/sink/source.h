#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "metric/batch.h"

namespace resmon::sink {

struct Item {
  std::shared_ptr<const metric::Batch> batch;
  std::uint64_t position = 0;  // of the log's record: ascending
  UnixNanos received = 0;      // when the server took it: for the lag
};

// What a sink reads: the server's durable log through a cursor of the sink's own. Both functions are called on the
// sink's executor.
class Source {
 public:
  virtual ~Source() = default;
  // The next item in order; nullopt when none has come by `wait_until`. Called again only when it has returned.
  virtual boost::asio::awaitable<std::optional<Item>> next(std::chrono::steady_clock::time_point wait_until) = 0;
  // The sink is to stop: a next() under way should return soon. Without it the sink notices within a second.
  virtual void wake() {}
  // All up to and with `position` is with the database, which may still forget it: for statistics. Commit follows.
  virtual void delivered(std::uint64_t /*position*/) {}
  // All after the last committed position is to come again. False: the source cannot.
  virtual bool rewind() { return false; }
  // All up to and with `position` is with the database, or set aside for good: the cursor may move there. Items after
  // the last committed one must come again when the sink is started anew; sending them twice does no harm.
  virtual void commit(std::uint64_t position) = 0;
};

}  // namespace resmon::sink
