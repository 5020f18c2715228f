#pragma once

// A connection of a client, and the stream that it speaks for: what the parts of the server share.

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "ingest/log.h"
#include "ingest/questions.h"
#include "ingest/server.h"
#include "net/stream.h"
#include "wire/lines.h"

namespace resmon::ingest {

namespace asio = boost::asio;
using std::chrono::steady_clock;

inline constexpr std::size_t kFirstBufferBytes = 1024;  // a quiet client's gather fits; ten thousand take 10 MiB
inline constexpr std::size_t kMostBufferBytes = 256U << 10U;
inline constexpr std::int64_t kSkewWorthALine = 5'000'000'000;

// Who speaks for one spool.
struct ClientStream {
  Mutex mutex;
  const Session* owner GUARDED_BY(mutex) = nullptr;
  std::shared_ptr<LogStream> log;  // constant
};

// Batches of one frame that go into the log together.
struct Pending {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  metric::Batch batch;
  std::vector<std::size_t> row_ends;  // where each sequence number's rows end
};

// What a session took: to be acknowledged when `position` is durable, and never beyond what its connection was sent.
struct Taken {
  std::uint64_t sequence = 0;
  std::uint64_t position = 0;
  std::uint64_t refused = 0;  // samples of what this connection was sent up to `sequence`
  bool owes = false;          // something came since the last acknowledgement was asked for
};

// What a session's writer is to say.
struct Outbox {
  std::string frames;             // that are due
  std::uint64_t ack = 0;          // to be said
  std::uint64_t ack_refused = 0;  // with it
  std::uint64_t said = 0;         // the last that was
  bool ack_due = false;
  bool writing = false;
  std::optional<asio::steady_timer> settled;  // rings when the writer has ended, if somebody waits for it
};

// Why and when a session ends. The first of them on its executor only.
struct Ending {
  std::optional<wire::RefuseCode> refuse;  // a more exact code than the error's kind
  std::string token_of;                    // the name of its token, when it is another: for our log only
  bool said_goodbye = false;
  bool token_revoked = false;
  bool makes_room = false;  // closed for others' sake
  std::atomic<bool> told_to_go{false};
  std::atomic<bool> aged{false};          // and why: it is to connect again
  std::atomic<std::int64_t> leave_at{0};  // steady clock, ns; 0: never
};

// One connection. On its executor only, but for what is constant or atomic.
struct Session {
  Session(asio::ip::tcp::socket socket, const net::TlsContext& tls, std::string peer)
      : connection(std::make_shared<net::Stream>(std::move(socket), tls, std::move(peer))) {}

  std::shared_ptr<net::Stream> connection;
  wire::FrameReader frames{wire::kMaxHelloBytes};
  bool frame_ended = false;                    // since frames' memory was last counted
  ClientInfo client;                           // host is empty before HELLO; constant after
  std::optional<net::TokenSet::Digest> token;  // that let it in
  bool greeted = false;                        // on the session's executor only, until it has ended
  std::uint64_t resumed_after = 0;
  std::atomic<std::int64_t> heard_at{0};  // steady clock, ns
  std::shared_ptr<ClientStream> stream;
  std::shared_ptr<DurableLane> lane;
  std::unique_ptr<wire::SampleDecoder> decoder;
  metric::SharedList<metric::Tag> tags;  // added to every schema, and all that a schema without its own has
  std::vector<Pending> pending;
  bool ahead_reported = false;
  std::unique_ptr<wire::LinesDecoder> lines;  // of a connection for log lines, which has no stream, lane and decoder
  wire::StreamId line_stream{};
  Taken taken;
  Outbox outbox;
  Questions questions;
  Ending ending;

  void hear() { heard_at = steady_clock::now().time_since_epoch().count(); }
};

// Without the port, and an IPv6 address without its brackets.
std::string address_of(const std::string& peer);

}  // namespace resmon::ingest
