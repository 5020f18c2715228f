#pragma once

// One [input.NAME]: listens on a socket for lines of other programs, and hands on what they hold.
//
// Over TCP, TLS and unix sockets each connection is a stream of lines. With `ack` each line is answered, once its rows
// are safe: "ok N" or "error REASON". Over UDP a datagram holds whole lines, and nothing is answered.
//
// A door has one or several executors, each of one thread; a connection stays on one of them.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "door/taker.h"
#include "net/tls.h"

namespace resmon::door {

enum class HostFrom : std::uint8_t { kLines, kAddress, kToken };

// The name that a token is bound to, empty where it is bound to none. Nothing: it is not valid. Thread-safe.
using Access = std::function<std::optional<std::string>(std::string_view token)>;

struct DoorOptions {
  std::string name;
  std::string url;  // unix:/PATH, tcp:HOST:PORT, tls:HOST:PORT, udp:HOST:PORT
  bool ack = false;
  Framing framing = Framing::kLine;  // of streams
  HostFrom host_from = HostFrom::kLines;
  bool require_token = false;  // a first line "token TOKEN"
  Access access;               // of those tokens
  net::TlsContext tls;         // for tls:
  std::int64_t max_connections = 64;
  std::chrono::nanoseconds greeting_timeout = std::chrono::seconds(10);  // of the TLS handshake, and of the token
  std::chrono::nanoseconds idle_timeout = std::chrono::minutes(10);
  std::chrono::nanoseconds flush_interval = std::chrono::seconds(10);  // of StatsD's sums, at round times
  TakerOptions taker;
};

enum class Reach { kThisMachine, kOthers };
// Who reaches the address; kInvalid: what is wrong with it.
Result<Reach> check_url(const std::string& url);

struct DoorStats {
  std::string name;
  TakerStats taken;
  std::uint64_t connections = 0;          // accepted
  std::uint64_t open_connections = 0;     // now
  std::uint64_t refused_connections = 0;  // beyond max_connections, or without a token when too many were
  std::uint64_t denied = 0;               // connections and datagrams without a valid token or certificate
  std::uint64_t dropped_datagrams = 0;    // by the kernel: they came faster than they were read
};

// Where the rows go. Its methods are called on the door's executors.
class Intake {
 public:
  struct Taken {
    enum class Fate : std::uint8_t {
      kTaken,
      kLater,    // nothing was taken; `rows` is for again()
      kRefused,  // nothing was taken, and never will be
    };
    Fate fate = Fate::kTaken;
    std::string reason;                  // of the others, and of rows that were refused
    std::uint64_t position = 0;          // what when_safe() waits for; 0: they are safe
    std::size_t refused_rows = 0;        // that are not among what was taken
    std::vector<std::string> by_answer;  // why nothing of a line was taken; empty text: it was. Empty: all were
  };
  virtual ~Intake() = default;
  // Gets the rows of what came with one read, and may swap them away. `ends`: where the rows of each line that is
  // answered end; null: none is.
  virtual Taken take(metric::Batch& rows, std::vector<std::size_t>* ends) = 0;
  virtual Taken again(metric::Batch&) { return {}; }
  // Calls done() on that executor once what was taken up to there is safe; perhaps never.
  virtual void when_safe(std::uint64_t, const boost::asio::any_io_executor&, std::function<void()> done) { done(); }
  // A sender was told that it is.
  virtual void answered(std::uint64_t) {}
};

class Door {
 public:
  // Binds at once: kUnavailable where the socket cannot be had. `schemas` and `intake` must outlive its executors'
  // work.
  static Result<std::unique_ptr<Door>> open(std::vector<boost::asio::any_io_executor> executors, DoorOptions options,
                                            metric::SchemaTable& schemas, Intake& intake);
  ~Door();

  void start();
  // Takes nothing more, answers what it has, and hangs up. Idempotent. On one of the executors' threads it is done when
  // it returns, but for answers; elsewhere, when stopped() says so.
  void stop();
  bool stopped() const;
  DoorStats stats() const;  // any thread

  struct State;  // door.cc's own

 private:
  explicit Door(std::shared_ptr<State> state) : state_(std::move(state)) {}
  const std::shared_ptr<State> state_;
};

}  // namespace resmon::door
