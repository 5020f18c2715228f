#pragma once

// The server's side of the client protocol: greets, checks, decodes, drops what it has already seen, appends the rest
// to the log, and acknowledges. Each connection is one coroutine on one io context; there is no limit to clients but
// the configured one and the process's descriptors.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ingest/log.h"
#include "metric/schema.h"
#include "net/stream.h"
#include "net/token_set.h"
#include "wire/samples.h"

namespace resmon::ingest {

struct ServerOptions {
  std::string software;
  net::TlsContext tls;                              // null: plain TCP
  std::chrono::milliseconds hello_timeout{10'000};  // for the TLS handshake and HELLO
  std::chrono::milliseconds idle_timeout{60'000};   // without any frame
  std::chrono::milliseconds write_timeout{30'000};
  std::uint32_t max_clients = 20'000;
  std::uint32_t max_greeting = 2'000;  // connections that have not said HELLO yet; more are closed at once
  std::uint32_t max_frame_bytes = wire::kMaxFrameBytes;
  std::size_t max_streams = 100'000;  // remembered; of those not connected the longest unused are forgotten
  wire::DecoderLimits decoder;
};

// What is known of a connected client. Constant while it is connected.
struct ClientInfo {
  std::string host;
  std::string address;
  std::string software;
  std::chrono::nanoseconds interval{0};
  std::vector<metric::Tag> tags;
};

// Told about connections, from their io contexts. Must be thread-safe and quick.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void connected(const ClientInfo& client) = 0;
  virtual void heard_from(const std::string& host) = 0;  // after each read that brought frames
  virtual void disconnected(const std::string& host) = 0;
};

// Counters since start; read from any thread.
struct ServerStats {
  std::atomic<std::uint64_t> connections{0};  // accepted
  std::atomic<std::uint64_t> clients{0};      // greeted and still there
  std::atomic<std::uint64_t> turned_away{0};  // closed at once: too many without HELLO
  std::atomic<std::uint64_t> refused{0};      // connections ended with REFUSE or without HELLO
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> batches{0};            // new ones
  std::atomic<std::uint64_t> samples{0};            // in them
  std::atomic<std::uint64_t> duplicate_batches{0};  // dropped: already seen
  std::atomic<std::uint64_t> missing_batches{0};    // sequence numbers that a client no longer had
  std::atomic<std::uint64_t> forgotten_streams{0};  // over max_streams
};

class Server {
 public:
  // All references must outlive the server's last session.
  Server(ServerOptions options, net::TokenSet tokens, metric::SchemaTable& schemas, Log& log, Observer& observer);
  ~Server();

  // Serves one accepted connection until it ends. For net::Listener.
  void accept(boost::asio::ip::tcp::socket socket);
  // Says goodbye to every client, hangs up on those that were not greeted yet, and takes no new ones. Sessions end soon
  // after; sessions() tells when all have.
  void stop();
  std::size_t sessions() const;

  const ServerStats& stats() const { return stats_; }

 private:
  struct Stream;   // one spool's life: its last sequence number, outlasting its connections
  struct Session;  // one connection

  // In `sessions_` and, while it owns its client's name, in names_ and with the observer.
  bool enter(const std::shared_ptr<Session>& session);
  void leave(const std::shared_ptr<Session>& session);
  void tell_observer(const std::shared_ptr<Session>& session);
  boost::asio::awaitable<void> serve(std::shared_ptr<Session> session);
  boost::asio::awaitable<Status> greet(std::shared_ptr<Session> session);
  boost::asio::awaitable<Status> receive(std::shared_ptr<Session> session);
  boost::asio::awaitable<Status> take_frame(std::shared_ptr<Session> session, wire::Frame frame, bool& acknowledge);
  boost::asio::awaitable<Status> append_pending(std::shared_ptr<Session> session);
  // Finds or makes the stream's state and makes `session` its owner. Fails when the name is taken.
  Status claim(const std::shared_ptr<Session>& session, const wire::Hello& hello);
  void bound_streams();  // REQUIRES: mutex_ held

  const ServerOptions options_;
  const net::TokenSet tokens_;
  metric::SchemaTable& schemas_;
  Log& log_;
  Observer& observer_;
  ServerStats stats_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;
  std::map<const Session*, std::weak_ptr<Session>> sessions_;         // guarded by mutex_
  bool turning_away_ = false;                                         // guarded by mutex_
  std::map<wire::StreamId, std::shared_ptr<Stream>> streams_;         // guarded by mutex_
  std::map<std::string, std::weak_ptr<Session>, std::less<>> names_;  // connected clients; guarded by mutex_
};

}  // namespace resmon::ingest
