#pragma once

// What the server owes its clients: acknowledgements of what is durable, and other frames. They are written by a second
// coroutine of a session that exists only while there is something to write. All is called on the session's executor.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "net/stream.h"

namespace resmon::ingest {

class Log;
struct ServerOptions;
struct Session;

class Answers {
 public:
  Answers(const ServerOptions& options, Log& log) : options_(options), log_(log) {}  // which must outlive it

  // What the session took since the last call is acknowledged when it is durable.
  void acknowledge_when_durable(const std::shared_ptr<Session>& session);
  // Writes what is in `out` and acknowledgements that are due.
  void start_writing(const std::shared_ptr<Session>& session);
  // Waits until the writer has ended: then whoever calls this may write.
  boost::asio::awaitable<void> settle(std::shared_ptr<Session> session, net::Timeout patience);
  // The same for a session that ends, whose last batches are about to be durable.
  boost::asio::awaitable<void> settle_last_batches(std::shared_ptr<Session> session);

 private:
  void acknowledge_lines(const std::shared_ptr<Session>& session);
  std::uint64_t durable_position(const Session& session) const;
  static boost::asio::awaitable<void> write_out(std::shared_ptr<Session> session, net::Timeout timeout);

  const ServerOptions& options_;
  Log& log_;
};

}  // namespace resmon::ingest
