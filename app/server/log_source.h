#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "base/mutex.h"
#include "bell.h"
#include "ingest/log.h"
#include "sink/source.h"

namespace resmon::server {

// A log reader as a sink wants it. Lives on the sink's executor; the log wakes it from any thread.
class LogSource final : public sink::Source {
 public:
  LogSource(boost::asio::any_io_executor executor, ingest::LogReader& reader);

  boost::asio::awaitable<std::optional<sink::Item>> next(std::chrono::steady_clock::time_point wait_until) override;
  void commit(std::uint64_t position) override { reader_.commit(position); }
  void delivered(std::uint64_t position) override { reader_.delivered(position); }
  bool rewind() override;
  void wake() override;
  // The sink may work on its last item for hours, while the database is away: the item's schemas stay, others need not.
  // From any thread, now and then.
  void renew_pin();

 private:
  void let_go();

  ingest::LogReader& reader_;
  Mutex mutex_;
  std::shared_ptr<metric::Batch> batch_
      GUARDED_BY(mutex_);  // the pointer; its rows are not; used again once the sink let go of it
  bool woken_ = false;
  std::shared_ptr<Bell> bell_;  // outlives the source in the log's hands
};

}  // namespace resmon::server
