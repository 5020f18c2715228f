#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "bell.h"
#include "journal/journal.h"
#include "logs/query.h"
#include "metric/schema.h"
#include "sink/source.h"

namespace resmon::server {

// Log lines for a sink: those of the lines' journal that a query finds, as rows of the measurement `syslog` with
// Telegraf's schema. Lives on the sink's executor; the journal wakes it from any thread.
class LineSource final : public sink::Source {
 public:
  // `reader` and `schemas` must outlive it. `with_source`: each row has a tag of the client's [logs.NAME], which
  // Telegraf's schema does not have.
  LineSource(boost::asio::any_io_executor executor, journal::Reader& reader, metric::SchemaTable& schemas,
             logs::Query query, bool with_source);

  boost::asio::awaitable<std::optional<sink::Item>> next(std::chrono::steady_clock::time_point wait_until) override;
  void commit(std::uint64_t position) override { reader_.commit(position); }
  void wake() override;
  // As LogSource's.
  void renew_pin();

 private:
  std::optional<sink::Item> take();
  void add(const std::string& host, std::string_view source, const logline::Line& line, metric::Batch& batch);

  journal::Reader& reader_;
  metric::SchemaTable& schemas_;
  const logs::Query query_;
  const bool with_source_;
  std::span<const journal::Record> records_;
  std::size_t next_record_ = 0;
  Mutex mutex_;
  std::shared_ptr<metric::Batch> batch_ GUARDED_BY(mutex_);  // the pointer; its rows are not
  // The last time of each series, and the one that its line had: several lines of one time are a nanosecond apart.
  std::unordered_map<metric::SchemaId, std::pair<UnixNanos, UnixNanos>> last_;
  bool woken_ = false;
  std::shared_ptr<Bell> bell_;  // outlives the source in the journal's hands
};

}  // namespace resmon::server
