#pragma once

// The threads for what takes too long for a thread of the network.

#include <boost/asio/thread_pool.hpp>
#include <cstddef>

#include "query_helpers.h"

namespace resmon::server {

class WorkPools {
 public:
  explicit WorkPools(std::size_t query_threads) : query_(query_threads), query_helpers_(query_, query_threads) {}

  // For other servers' questions about rows, which wait for no other server.
  boost::asio::thread_pool& peer() { return peer_; }
  boost::asio::thread_pool& query() { return query_; }
  const QueryHelpers& query_helpers() const { return query_helpers_; }
  // Line protocol, KILL QUERY: never waits behind a query.
  boost::asio::thread_pool& write() { return write_; }
  // Hashing is slow on purpose; one at a time bounds its memory.
  boost::asio::thread_pool& password() { return password_; }

  // Waits for what is under way. Queries see that the server stops, and end.
  void join() {
    peer_.join();
    query_.join();
    write_.join();
    password_.join();
  }

 private:
  boost::asio::thread_pool peer_{2};
  boost::asio::thread_pool query_;
  const QueryHelpers query_helpers_;
  boost::asio::thread_pool write_{1};
  boost::asio::thread_pool password_{1};
};

}  // namespace resmon::server
