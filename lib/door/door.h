#pragma once

// One [input.NAME]: listens on a socket of this machine for lines of other programs, and hands on what they hold.
//
// Over TCP and unix sockets each connection is a stream of lines. With `ack` each line is answered, once its rows were
// handed on: "ok N" or "error REASON". Over UDP a datagram holds whole lines, and nothing is answered. All on the
// executor's one thread.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "door/taker.h"

namespace resmon::door {

struct DoorOptions {
  std::string name;
  std::string url;  // unix:/PATH, tcp:HOST:PORT, udp:HOST:PORT
  bool ack = false;
  Framing framing = Framing::kLine;  // of streams
  std::int64_t max_connections = 64;
  std::chrono::nanoseconds idle_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds flush_interval = std::chrono::seconds(10);  // of StatsD's sums, at round times
  TakerOptions taker;
};

// kInvalid: what is wrong with it, such as an address that other machines reach.
Status check_url(const std::string& url);

struct DoorStats {
  std::string name;
  TakerStats taken;
  std::uint64_t connections = 0;          // accepted
  std::uint64_t refused_connections = 0;  // beyond max_connections
};

class Door {
 public:
  // Gets the rows of what came with one read, and may swap them away. When it returns they are in its hands.
  using Deliver = std::function<void(metric::Batch& rows)>;

  // Binds at once: kUnavailable where the socket cannot be had. `schemas` must outlive it.
  static Result<std::unique_ptr<Door>> open(boost::asio::any_io_executor executor, DoorOptions options,
                                            metric::SchemaTable& schemas, Deliver deliver);
  ~Door();

  void start();
  // Takes nothing more and hangs up. Idempotent.
  void stop();
  DoorStats stats() const;

  struct State;  // door.cc's own

 private:
  explicit Door(std::shared_ptr<State> state) : state_(std::move(state)) {}
  const std::shared_ptr<State> state_;
};

}  // namespace resmon::door
