#pragma once

// The client's side of the protocol: keeps one connection to one of several servers, sends what an outbox holds in
// order, removes acknowledged entries, and continues from the last acknowledged entry after any failure.
//
// One executor. The owner fills the outbox (a spool of samples or of lines) on that executor and calls notify().

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"
#include "net/stream.h"
#include "uplink/outbox.h"
#include "uplink/spool.h"
#include "wire/ask.h"
#include "wire/frame.h"

namespace resmon::uplink {

struct Options {
  std::vector<net::Address> servers;  // tried in order, from the first again after each loss
  std::string client;                 // the name this machine reports under
  std::string token;
  std::string software;
  std::vector<metric::Tag> tags;
  std::chrono::nanoseconds interval{std::chrono::seconds(5)};
  net::TlsContext tls;                                // null: plain TCP
  std::string server_name;                            // that the certificate must be for; empty: the server's address
  std::chrono::milliseconds connect_timeout{10'000};  // for each of resolving, connecting to any address, and TLS
  std::chrono::milliseconds answer_timeout{30'000};   // for WELCOME, and for an acknowledgement of what was sent
  std::chrono::milliseconds first_backoff{500};
  std::chrono::milliseconds most_backoff{60'000};
  std::uint64_t window_bytes = 4U << 20U;  // sent and not yet acknowledged
  bool log_connections = true;             // a simulator of thousands turns this off
  // Connects only when there is something to send, and hangs up when there was nothing for so long; 0: never.
  std::chrono::milliseconds idle_close{0};
  // What another uplink to the same servers has in the log now: the same reason is not logged twice. May be empty.
  std::function<std::string()> said_elsewhere;
  // Called on the executor after the outbox has forgotten what the server acknowledged, up to this sequence number.
  std::function<void(std::uint64_t sequence)> on_acknowledged;
  // Called on the executor when the server asks something. Null: nothing is answered.
  std::function<void(const wire::Ask& ask)> on_ask;
};

struct Stats {
  bool connected = false;
  std::uint64_t connections = 0;   // established since start
  std::uint64_t failures = 0;      // attempts that failed and connections that broke
  std::uint64_t sent_batches = 0;  // entries of the outbox, those sent again included
  std::uint64_t sent_bytes = 0;
  std::uint64_t acknowledged_samples = 0;  // or lines
  std::uint64_t refused_samples = 0;       // acknowledged, but not taken: the server said so with the acknowledgement
  std::string last_error;
};

class Uplink {
 public:
  // `outbox` must outlive the uplink.
  Uplink(boost::asio::any_io_executor executor, Options options, Outbox& outbox);
  // For a spool of samples. `spool` and `schemas` must outlive the uplink; its batches' schemas are those of the table.
  Uplink(boost::asio::any_io_executor executor, Options options, Spool& spool, const metric::SchemaTable& schemas);

  // Runs until stop() and returns when the connection is closed.
  boost::asio::awaitable<void> run();
  void notify();  // the outbox has something new
  // Sends what is left for at most `patience`, says goodbye and ends run() within about a second more, whatever the
  // server does.
  void stop(std::chrono::milliseconds patience);

  // Says this token from now on: a connection under the one before is ended and made anew at once. Nothing is lost, for
  // the outbox keeps what is not acknowledged.
  void change_token(std::string token);
  // Sends an answer, if the connection that asked is still there.
  void answer(const wire::ProcessList& list);

  // Replaces the system's resolver: for tests. Before run().
  void resolve_with(std::function<std::vector<boost::asio::ip::tcp::endpoint>(const net::Address&)> resolver) {
    dialing_.resolver = std::move(resolver);
  }

  const Stats& stats() const { return stats_; }
  // The failure that the log has and that lasts; empty: none.
  const std::string& said() const { return said_; }

 private:
  boost::asio::awaitable<Status> session(const net::Address& server);
  boost::asio::awaitable<Status> greet(net::Stream& stream, wire::FrameReader& frames);
  boost::asio::awaitable<Status> send_loop(std::shared_ptr<net::Stream> stream);
  boost::asio::awaitable<void> receive_loop(std::shared_ptr<net::Stream> stream, wire::FrameReader frames);
  Status handle(const wire::Frame& frame);
  bool forget_acknowledged(std::uint64_t sequence, bool greeting);
  boost::asio::awaitable<void> sleep_until(std::chrono::steady_clock::time_point when);
  bool drained() const;
  void tell_failure(const net::Address& server, bool was_connected);
  boost::asio::awaitable<void> wait_for_work();

  boost::asio::any_io_executor executor_;
  Options options_;
  std::unique_ptr<Outbox> owned_;  // made for a spool of samples
  Outbox& outbox_;
  Stats stats_;
  std::string said_;
  boost::asio::steady_timer wake_;
  boost::asio::steady_timer stop_timer_;  // ends whatever a silent server holds up
  net::Dialing dialing_;
  std::weak_ptr<net::Stream> stream_;  // connected
  std::shared_ptr<char> alive_ = std::make_shared<char>();

  bool stopping_ = false;
  bool token_changed_ = false;  // and not said yet
  std::chrono::steady_clock::time_point stop_by_;
  std::chrono::nanoseconds retry_after_{0};

  // State of the present connection.
  bool receiving_ = false;
  Status received_;          // why receiving ended
  std::string control_;      // frames to send before the next entries: PONG
  std::uint64_t epoch_ = 0;  // of the outbox's stream
  std::uint64_t acknowledged_ = 0;
  // By any server, of this process's connections.
  std::uint64_t acknowledged_by_any_ = 0;
  wire::StreamId acknowledged_stream_{};
  bool asked_back_ = false;                               // the server ended the connection, and nothing is wrong
  std::uint64_t refused_ = 0;                             // samples, as the last acknowledgement says
  std::uint32_t max_frame_bytes_ = wire::kMaxFrameBytes;  // of payload; what the server takes
  std::uint64_t next_to_send_ = 1;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> in_flight_;  // last sequence of a frame, its bytes
  std::uint64_t in_flight_bytes_ = 0;
  std::chrono::steady_clock::time_point waiting_since_;  // for an acknowledgement
  std::chrono::nanoseconds ping_every_{std::chrono::seconds(20)};
};

}  // namespace resmon::uplink
