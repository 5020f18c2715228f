#pragma once

// The server's side of the client protocol: greets, checks, decodes, drops what it has already seen, appends the rest
// to the log, and acknowledges what is durable. Each connection is one coroutine on one io context; there is no limit
// to clients but the configured one and the process's descriptors.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "ingest/log.h"
#include "ingest/refused.h"
#include "logline/line.h"
#include "metric/schema.h"
#include "net/stream.h"
#include "net/token_set.h"
#include "wire/ask.h"
#include "wire/samples.h"

namespace resmon::ingest {

class Answers;
class Crowd;
class Greeter;
class SampleIntake;
class SessionTable;
struct Session;  // one connection

struct ServerOptions {
  std::string software;
  net::TlsContext tls;                              // null: plain TCP
  std::chrono::milliseconds hello_timeout{10'000};  // for the TLS handshake and HELLO
  std::chrono::milliseconds idle_timeout{60'000};   // without any frame
  std::chrono::milliseconds write_timeout{30'000};
  // A connection ends after a third of this to all of it, at random, and its client connects again: behind a balancer,
  // to another server perhaps. 0: never.
  std::chrono::nanoseconds max_connection_age{0};
  std::uint32_t max_clients = 20'000;
  std::uint32_t max_greeting = 2'000;  // connections that have not said HELLO yet; of more, the oldest are closed
  std::uint64_t frame_memory_bytes = 128U << 20U;  // of all connections, for frames that have begun and not ended
  std::uint32_t max_frame_bytes = wire::kMaxFrameBytes;
  // Connections a second from one address, on average; ten times as many may come at once. More are closed at once.
  // 0: no limit.
  std::uint32_t connection_rate = 1000;
  // Samples that claim to be of later than this from now, or of earlier than that before now, are set aside. 0: any.
  std::chrono::nanoseconds max_future{std::chrono::hours(24)};
  std::chrono::nanoseconds max_past{0};
  wire::DecoderLimits decoder;
  // Tokens beside those of the server's set that let any client in, by their digest; null: none. From any thread,
  // without waiting.
  std::function<bool(const net::TokenSet::Digest& token)> also_lets_in;
  // Takes what connections for log lines bring; null: they are refused. Must outlive the server's last session.
  logline::Taker* lines = nullptr;
  // Why there is no room for the rows of `batch` at the end of `no_room`, if it adds any; null: there always is. From
  // any thread.
  std::function<std::string(const metric::Batch& batch, std::vector<std::size_t>& no_room)> find_no_room;
  // Changes rows before they are taken, and moves the ends of the batches that are joined in `batch`; null: takes them
  // as they come. What it leaves out is acknowledged all the same. From any thread.
  std::function<void(metric::Batch& batch, std::vector<std::size_t>& row_ends)> rules;
};

// What is known of a connected client. Constant while it is connected.
struct ClientInfo {
  std::string host;
  std::string address;
  std::string software;
  std::chrono::nanoseconds interval{0};
  std::vector<metric::Tag> tags;
  std::chrono::nanoseconds clock_skew{0};  // the client's clock less ours, as it said hello
};

// Told about connections, from their io contexts. Must be thread-safe and quick.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void connected(const ClientInfo& client) = 0;
  virtual void heard_from(const std::string& host) = 0;  // after each read that brought frames
  virtual void disconnected(const std::string& host) = 0;
  // Rows that will not be stored, and why. Only while the call lasts.
  virtual void set_aside(const std::string& host, const metric::Batch& rows, const std::string& reason) {
    (void)host, (void)rows, (void)reason;
  }
};

// Counters since start; read from any thread.
struct ServerStats {
  std::atomic<std::uint64_t> connections{0};   // accepted
  std::atomic<std::uint64_t> clients{0};       // greeted and still there
  std::atomic<std::uint64_t> turned_away{0};   // closed before HELLO: to make room for newer connections
  std::atomic<std::uint64_t> half_open{0};     // connected now, and no HELLO yet
  std::atomic<std::uint64_t> frame_bytes{0};   // held for frames that have begun and not ended
  std::atomic<std::uint64_t> frames_cut{0};    // connections refused: their unfinished frames took too much of that
  std::atomic<std::uint64_t> rate_limited{0};  // closed at once: too many from one address
  std::atomic<std::uint64_t> refused{0};       // connections ended with REFUSE or without HELLO
  std::atomic<std::uint64_t> aged{0};          // connections ended at their maximum age
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> batches{0};            // new ones
  std::atomic<std::uint64_t> samples{0};            // in them
  std::atomic<std::uint64_t> duplicate_batches{0};  // dropped: already seen
  std::atomic<std::uint64_t> missing_batches{0};    // sequence numbers that clients left out
  std::atomic<std::uint64_t> refused_samples{0};    // of impossible times, too large, or without room: set aside
  std::atomic<std::uint64_t> line_connections{0};   // for log lines; greeted and still there
  std::atomic<std::uint64_t> line_batches{0};       // those sent again included
  std::atomic<std::uint64_t> lines{0};              // in them
  std::atomic<std::uint64_t> skewed_clients{0};     // greeted with a clock that differs by more than kSkewWorthALine
};

class Server {
 public:
  // All references must outlive the server's last session.
  Server(ServerOptions options, net::TokenSet tokens, metric::SchemaTable& schemas, Log& log, Observer& observer);
  ~Server();

  // Serves one accepted connection until it ends, of the client at `from`. For net::Listener.
  void accept(boost::asio::ip::tcp::socket socket, const boost::asio::ip::tcp::endpoint& from);
  // Says goodbye to every client, hangs up on those that were not greeted yet, and takes no new ones. Sessions end soon
  // after; sessions() tells when all have.
  void stop();
  std::size_t sessions() const;
  // Other tokens from now on; from any thread. Clients that none of them lets in any more are refused, those that are
  // connected too.
  void change_tokens(net::TokenSet tokens);
  // Looks at the tokens of all that are connected again: what also_lets_in says may have changed.
  void check_tokens();
  // Tells a connected client what its user should know of its samples; at most once a minute each. Any thread.
  void notify(const std::string& host, const std::string& text);
  // Asks a connected client for its processes. `done` is called once, from any thread: kNotFound, kLimit, kUnavailable
  // where there is no list. A client that does not answer leaves it uncalled until it goes: the asker has a deadline.
  using ProcessesDone = std::function<void(Result<wire::ProcessList> list)>;
  void ask_processes(const std::string& host, ProcessesDone done);
  // What connected clients have declared counts as used now, however seldom they send. Any thread; each session does it
  // on its own executor, soon.
  void keep_schemas();
  // Ends connections that have reached their age. Call about once a second.
  void end_aged();
  // Says of addresses that were refused again and again how often they were, and of more wrong clocks than were named.
  // Call about once a second.
  void report_repeats();

  const ServerStats& stats() const { return stats_; }
  std::vector<RefusedClient> refused_clients() const;  // lately, and not let in since; any thread

 private:
  void send_notice(const std::string& host, const std::string& text);
  boost::asio::awaitable<void> serve(std::shared_ptr<Session> session);
  void welcome_in(const std::shared_ptr<Session>& session);
  boost::asio::awaitable<Status> receive(std::shared_ptr<Session> session);
  boost::asio::awaitable<Status> take_frames(std::shared_ptr<Session> session);
  boost::asio::awaitable<Status> take_frame(std::shared_ptr<Session> session, wire::Frame frame);
  boost::asio::awaitable<Status> take_lines(std::shared_ptr<Session> session, std::string_view payload);
  boost::asio::awaitable<Status> send_goodbye(std::shared_ptr<Session> session);
  static Status take_answer(Session& session, std::string_view payload);

  const ServerOptions options_;
  metric::SchemaTable& schemas_;
  Observer& observer_;
  ServerStats stats_;
  std::atomic<bool> stopping_{false};
  const std::unique_ptr<Crowd> crowd_;
  const std::unique_ptr<SessionTable> table_;
  const std::unique_ptr<Greeter> greeter_;
  const std::unique_ptr<Answers> answers_;
  const std::unique_ptr<SampleIntake> samples_;
};

}  // namespace resmon::ingest
