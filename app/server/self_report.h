#pragma once

// The server's own numbers as measurements, `internal_server` and `internal_sink` (docs/schema.md), so that dashboards
// on any store can show them over time; /api/v1/server and /metrics have the same as they are now. Off unless
// server.report_interval is set: a server nobody looks at should not write about itself.
//
// The rows carry the tag `server`, not `host`: what watches is not one of the watched, and must not appear among them.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "base/result.h"
#include "metric/schema.h"

namespace resmon::server {

class App;

class SelfReport {
 public:
  // `app` must outlive it; it runs on `context`.
  SelfReport(App& app, boost::asio::io_context& context, std::chrono::nanoseconds interval);

  // Before the context's threads start.
  void start();
  // From any thread: nothing is written any more, and no work is left on the context.
  void stop();

 private:
  void arm();
  void write();

  App& app_;
  boost::asio::steady_timer timer_;
  const std::chrono::nanoseconds interval_;
  metric::Schema server_;  // of internal_server
};

}  // namespace resmon::server
