#pragma once

// Lets the idle threads of the query pool help with a running query.

#include <boost/asio/thread_pool.hpp>

#include "influxql/helpers.h"

namespace resmon::server {

// So that a question alone has all of `limits.query_threads`, and many at once have no more than that together.
class QueryHelpers final : public influxql::Helpers {
 public:
  // `threads` are those of `pool`, of which the caller of run() is one.
  QueryHelpers(boost::asio::thread_pool& pool, std::size_t threads) : pool_(pool), others_(threads - 1) {}

  void run(const std::function<void()>& work) const override;

 private:
  boost::asio::thread_pool& pool_;
  const std::size_t others_;
};

}  // namespace resmon::server
