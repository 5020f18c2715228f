#pragma once

// Forwards a log to InfluxDB, or to another database that accepts line protocol, Prometheus' remote write or OTLP
// over HTTP, and loses nothing silently.
// A request that fails is retried until it succeeds. A line that the database rejects for good is written to a file.
// Only then does the log's cursor advance, `resend_window` later: what a database may have forgotten is sent again.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "lineproto/encoder.h"
#include "metric/schema.h"
#include "otlp/row_encoder.h"
#include "prom/write_encoder.h"
#include "sink/answer.h"
#include "sink/block.h"
#include "sink/endpoint.h"
#include "sink/gzip.h"
#include "sink/options.h"
#include "sink/refused_file.h"
#include "sink/source.h"
#include "sink/transport.h"

namespace resmon::sink {

enum class State {
  kConnecting,  // the database has acknowledged nothing yet
  kOk,          // the last request was accepted
  kRetrying,    // the server is away or busy
  kDenied,      // the server answers, and a token, a name or an address must be corrected
  kStopped,
};

// "connecting", "ok", "retrying", "denied", "stopped".
std::string_view state_name(State state);

struct Stats {
  std::string name;
  State state = State::kConnecting;
  double lag_seconds = 0;             // age of the oldest item taken from the source and not committed; 0: none
  std::uint64_t sent_samples = 0;     // accepted by the server, also those that are sent again
  std::uint64_t resent_samples = 0;   // of them, accepted before, and sent again because the database was away
  std::uint64_t refused_samples = 0;  // set aside; where a server says only how many points it dropped, an estimate
  std::uint64_t refused_lines = 0;
  std::uint64_t skipped_values = 0;  // that the protocol cannot carry (NaN; with remote write and OTLP texts, too)
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;        // requests that had to be repeated
  std::uint64_t sent_bytes = 0;     // of accepted bodies, as sent
  std::string last_error;           // why the state is kRetrying or kDenied; empty in kOk
  UnixNanos last_error_time = 0;    // when that was last so
  UnixNanos failing_since = 0;      // 0: it is not
  std::string last_refusal;         // why lines were last set aside
  UnixNanos last_refusal_time = 0;  // 0: none were
  std::string server_version;       // as the server says, where it does
  std::string warning;              // about how the database is configured; empty: none
};

class Sink {
 public:
  // `schemas` and `source` must outlive the sink. `transport` is for tests; without one an HTTP client is made.
  // kInvalid for options that cannot work.
  static Result<std::unique_ptr<Sink>> make(boost::asio::any_io_executor executor, SinkOptions options,
                                            const metric::SchemaTable& schemas, Source& source,
                                            std::unique_ptr<Transport> transport = nullptr);
  // REQUIRES: run() has ended or was never spawned, or the execution context is gone.
  ~Sink();

  // A strand of the executor given: spawn run() on it.
  boost::asio::any_io_executor executor() const { return executor_; }
  // Reads and delivers until stop(). Never fails: it waits.
  boost::asio::awaitable<void> run();
  // Lets run() deliver what the source has at once, for no longer than `drain`, then end. What is not delivered is not
  // committed. When the server is away it ends sooner. From any thread.
  void stop(std::chrono::nanoseconds drain);
  // From any thread.
  Stats stats() const;

 private:
  Sink(boost::asio::any_io_executor executor, SinkOptions options, Endpoint endpoint,
       const metric::SchemaTable& schemas, Source& source, std::unique_ptr<Transport> transport);

  boost::asio::awaitable<bool> take(const Item& item);
  boost::asio::awaitable<bool> deliver();
  boost::asio::awaitable<bool> send_range(Delivery& delivery, Delivery::Range range);
  boost::asio::awaitable<bool> refused(Delivery& delivery, Delivery::Range range, Meaning meaning);
  boost::asio::awaitable<bool> create_database();
  boost::asio::awaitable<bool> hold(State state, Meaning meaning);
  std::size_t encode(const metric::Batch& batch, const metric::Row& row);
  boost::asio::awaitable<Meaning> send(std::string_view lines);
  boost::asio::awaitable<Meaning> prove();
  boost::asio::awaitable<void> check_deduplication();
  void accepted(std::uint64_t samples);
  void give_up_once(Delivery::Range range, std::uint64_t lines, const std::string& reason);
  void give_up(Delivery::Range range, std::uint64_t lines, const std::string& reason);
  std::uint64_t skipped_values() const;
  std::string readable(std::string_view lines) const;
  void keep_in_file(Delivery::Range range, const std::string& reason);
  void send_smaller(std::size_t bytes);
  void report_refusals();
  void refresh_secrets();
  // `reason`: why the last request failed and will be tried again; empty: it did not.
  void enter(State state, const std::string& reason);
  void set_oldest(UnixNanos received);
  void end_at_deadline(std::chrono::nanoseconds drain);
  void delivered(std::uint64_t position);
  void suspect();
  bool rewind_due() const;
  void rewind();
  void let_go();

  const boost::asio::any_io_executor executor_;
  const SinkOptions options_;
  Endpoint endpoint_;
  const metric::SchemaTable& schemas_;
  Source& source_;
  const std::unique_ptr<Transport> transport_;
  lineproto::LineEncoder encoder_;
  std::optional<prom::WriteEncoder> remote_;  // of kind remote_write
  std::optional<otlp::RowEncoder> otlp_;      // of kind otlp
  const RefusedFile refused_file_;
  boost::asio::steady_timer pause_;     // between attempts
  boost::asio::steady_timer deadline_;  // of the drain
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);

  // Touched on the executor only.
  Gzip gzip_;
  HttpRequest request_;
  Block block_;
  Backoff backoff_;
  std::size_t block_bytes_;  // shrinks when a server finds requests too large
  std::optional<std::uint64_t> uncommitted_;
  std::chrono::steady_clock::time_point linger_until_;
  bool tried_to_create_ = false;
  bool answers_ = false;                          // the server has answered a request
  bool proving_ = false;                          // the request under way carries no lines
  bool proven_ = false;                           // the server has stored a line since start
  bool uncompressed_ = false;                     // whatever the options say
  struct Search {                                 // of the block under way
    bool accepted = false;                        // the server has taken some of it
    std::size_t alone = 0;                        // lines refused with none accepted
    std::size_t requests = 0;                     // that were refused
    bool uncompressed = false;                    // tried without compression
    std::optional<std::size_t> compressed_lines;  // what was refused compressed
  } search_;
  // Delivered and not committed: positions, and when the database acknowledged them. Those of a 64th of the window are
  // one, so there are few.
  struct Kept {
    std::uint64_t position;
    std::chrono::steady_clock::time_point time;
  };
  std::deque<Kept> kept_;
  std::deque<std::uint64_t> rewound_from_;  // positions, of the last rewinds
  std::uint64_t delivered_ = 0;             // the last position
  std::uint64_t resend_until_ = 0;          // items up to this position were delivered before; 0: none is sent again
  bool suspect_ = false;                    // the database may have forgotten what is kept
  std::chrono::steady_clock::time_point rewound_at_;
  bool stopping_ = false;
  bool expired_ = false;
  std::uint64_t newly_refused_lines_ = 0;
  std::string first_refusal_;
  std::string newly_kept_in_;  // the file with those of the refused lines that were kept; empty: none was

  mutable Mutex mutex_;
  Stats stats_ GUARDED_BY(mutex_);
  UnixNanos oldest_ GUARDED_BY(mutex_) = 0;  // received time of the oldest uncommitted item; 0: none
};

}  // namespace resmon::sink
