#pragma once

// What the files of the server share: server.cc has connections coming and going, greeting.cc HELLO and whose stream it
// is, receiving.cc everything after.

#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "base/mutex.h"
#include "base/refusal_log.h"
#include "base/repeats.h"
#include "ingest/admission.h"
#include "ingest/refused.h"
#include "ingest/server.h"
#include "wire/lines.h"

namespace resmon::ingest {

namespace asio = boost::asio;
using std::chrono::steady_clock;

inline constexpr std::size_t kFirstBufferBytes = 1024;  // a quiet client's gather fits; ten thousand take 10 MiB
inline constexpr std::int64_t kSkewWorthALine = 5'000'000'000;

struct Server::Stream {
  Mutex mutex;
  const Session* owner GUARDED_BY(mutex) = nullptr;
  std::shared_ptr<LogStream> log;  // constant
};

struct Server::Pending {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  metric::Batch batch;
  std::vector<std::size_t> row_ends;  // where each sequence number's rows end
};

struct Server::Crowd {
  explicit Crowd(const ServerOptions& options)
      : half_open(options.max_greeting), frame_memory(options.frame_memory_bytes) {}
  RefusalLog refusals{"ingest"};
  Mutex mutex;
  HalfOpen half_open GUARDED_BY(mutex);
  FrameMemory frame_memory GUARDED_BY(mutex);
  Repeats notices GUARDED_BY(mutex);  // by host
  // By host; a server that is busy for seconds takes every client's clock for late.
  static constexpr std::size_t kMostClocks = 8;
  Repeats clocks GUARDED_BY(mutex){std::chrono::minutes(1), kMostClocks};
  RefusedClients refused GUARDED_BY(mutex);
};

struct Server::Question {
  std::uint64_t id = 0;
  steady_clock::time_point asked;
  ProcessesDone done;
};

struct Server::Session {
  Session(asio::ip::tcp::socket socket, const net::TlsContext& tls, std::string peer)
      : connection(std::make_shared<net::Stream>(std::move(socket), tls, std::move(peer))) {}

  std::shared_ptr<net::Stream> connection;
  wire::FrameReader frames{wire::kMaxHelloBytes};
  ClientInfo client;  // host is empty before HELLO
  std::shared_ptr<Stream> stream;
  std::shared_ptr<DurableLane> lane;
  std::unique_ptr<wire::SampleDecoder> decoder;
  std::unique_ptr<wire::LinesDecoder> lines;  // of a connection for log lines, which has no stream, lane and decoder
  wire::StreamId line_stream{};
  metric::SharedList<metric::Tag> tags;  // added to every schema, and all that a schema without its own has
  std::vector<Pending> pending;
  std::optional<wire::RefuseCode> refuse;  // a more exact code than the error's kind
  bool greeted = false;                    // on the session's executor only, until it has ended
  bool said_goodbye = false;
  bool ahead_reported = false;
  std::uint64_t resumed_after = 0;
  std::optional<net::TokenSet::Digest> token;  // that let it in; on the session's executor only
  std::string token_of;                        // the name of its token, when it is another: for our log only
  bool token_revoked = false;                  // so is this
  bool makes_room = false;                     // and this: closed for others' sake
  std::atomic<bool> told_to_go{false};
  std::atomic<bool> aged{false};          // and why: it is to connect again
  std::atomic<std::int64_t> leave_at{0};  // steady clock, ns; 0: never
  std::atomic<std::int64_t> heard_at{0};  // steady clock, ns

  // What is to be acknowledged when `position` is durable: never beyond what this connection was sent.
  std::uint64_t sequence = 0;
  std::uint64_t position = 0;
  std::uint64_t refused = 0;  // samples of what this connection was sent up to `sequence`
  bool owes = false;          // something came since the last acknowledgement was asked for

  // On the session's executor.
  std::vector<Question> questions;
  std::uint64_t question = 0;     // the last one's id
  bool questions_closed = false;  // the session has ended

  // For the writer.
  std::string out;                // frames that are due
  std::uint64_t ack = 0;          // to be said
  std::uint64_t ack_refused = 0;  // with it
  std::uint64_t said = 0;         // the last that was
  bool ack_due = false;
  bool writing = false;
  std::optional<asio::steady_timer> settled;  // rings when the writer has ended, if somebody waits for it

  bool frame_ended = false;  // since frames' memory was last counted

  void hear() { heard_at = steady_clock::now().time_since_epoch().count(); }
};

}  // namespace resmon::ingest
