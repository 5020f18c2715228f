#pragma once

// The client's log lines: sources to a spool of their own, and that to the server over a connection of its own, so that
// a flood of lines delays no sample. All on the executor's one thread.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "log_meters.h"
#include "log_options.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "uplink/line_spool.h"
#include "uplink/uplink.h"

namespace resmon::client {

class Logs {
 public:
  // kUnavailable: the spool cannot be opened. `schemas` must outlive it.
  static Result<std::unique_ptr<Logs>> make(const boost::asio::any_io_executor& executor, const LogSources& sources,
                                            const LogMetrics& metrics, const uplink::LineSpoolOptions& spool,
                                            uplink::Options uplink, metric::SchemaTable& schemas);
  ~Logs();

  // Each ends after stop().
  boost::asio::awaitable<void> read();
  boost::asio::awaitable<void> send() { return uplink_.run(); }
  void stop(std::chrono::milliseconds patience);

  void change_token(std::string token) { uplink_.change_token(std::move(token)); }
  const std::string& said() const { return uplink_.said(); }
  // Rows of `internal_logs`.
  void report(UnixNanos time, metric::Batch& batch);

 private:
  struct Source;
  Logs(const boost::asio::any_io_executor& executor, std::uint64_t limit_bytes,
       std::unique_ptr<uplink::LineSpool> spool, uplink::Options uplink, metric::SchemaTable& schemas);
  Status add_source(const std::string& name, const LogSourceOptions& options);
  bool paused() const;
  void await_messages(Source& source);
  void take_messages(Source& source);
  bool turn(std::chrono::steady_clock::time_point now);
  bool put_away(Source& source, std::chrono::steady_clock::time_point now);
  void tell(std::chrono::steady_clock::time_point now);

  const std::uint64_t limit_bytes_;
  const std::string host_;
  metric::SchemaTable& schemas_;
  LogMeters meters_;
  std::unique_ptr<uplink::LineSpool> spool_;
  uplink::Uplink uplink_;
  boost::asio::steady_timer timer_;
  std::vector<std::unique_ptr<Source>> sources_;
  metric::SchemaId spool_schema_ = 0;
  bool stopping_ = false;
  bool came_ = false;  // something, in the last turn
  std::uint64_t told_dropped_ = 0;
  std::string told_error_;
  std::chrono::steady_clock::time_point next_drop_report_;
};

}  // namespace resmon::client
