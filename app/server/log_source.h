#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "ingest/log.h"
#include "sink/source.h"

namespace resmon::server {

// A log reader as a sink wants it. Lives on the sink's executor; the log wakes it from any thread.
class LogSource final : public sink::Source {
 public:
  LogSource(boost::asio::any_io_executor executor, ingest::LogReader& reader);

  boost::asio::awaitable<std::optional<sink::Item>> next(std::chrono::steady_clock::time_point wait_until) override;
  void commit(std::uint64_t position) override { reader_.commit(position); }
  void wake() override;

 private:
  struct Bell {
    explicit Bell(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::atomic<bool> waiting{false};
  };
  ingest::LogReader& reader_;
  std::shared_ptr<metric::Batch> batch_;  // used again once the sink has let go of it
  bool woken_ = false;
  std::shared_ptr<Bell> bell_;  // outlives the source in the log's hands
};

}  // namespace resmon::server
