#include "ingest/server.h"

// A session reads what has arrived, decodes every whole frame of it, appends the batches to the log, and then sends one
// acknowledgement for all. There is no second coroutine to write: a client sends on while its acknowledgement is under
// way (its window says how far), so the only cost of waiting is memory in the kernel, which TCP bounds.
//
// Exactly once: sequence numbers count within a stream (one life of a client's spool). What is not above the stream's
// last number was taken before and is dropped. A stream has one owner at a time; a connection that lost its stream to a
// newer one can append nothing more, so two connections of one client never interleave.

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>

#include "base/log.h"

namespace resmon::ingest {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kFirstBufferBytes = 2048;  // a quiet client's gather fits; ten thousand of them take 20 MiB
constexpr std::size_t kMostBufferBytes = 256U << 10U;
constexpr auto kNameSilence = std::chrono::seconds(30);  // a client silent this long may lose its name to another
constexpr auto kFullLogPause = std::chrono::milliseconds(50);
constexpr std::int64_t kSkewWorthALine = 5'000'000'000;

// An error that the client is told about before the connection ends.
Unexpected<Error> refusal_of(const Error& error) {
  return fail(error.kind, error.message);
}

wire::RefuseCode code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kLimit:
      return wire::RefuseCode::kLimit;
    case ErrorKind::kDenied:
      return wire::RefuseCode::kToken;
    case ErrorKind::kUnsupported:
      return wire::RefuseCode::kVersion;
    case ErrorKind::kUnavailable:
      return wire::RefuseCode::kBusy;
    default:
      return wire::RefuseCode::kMalformed;
  }
}

}  // namespace

struct Server::Stream {
  std::mutex mutex;
  const Session* owner = nullptr;      // guarded by mutex
  std::uint64_t last_sequence = 0;     // guarded by mutex
  steady_clock::time_point last_used;  // guarded by Server::mutex_
};

struct Server::Session {
  Session(asio::ip::tcp::socket socket, const net::TlsContext& tls)
      : connection(std::make_shared<net::Stream>(std::move(socket), tls)) {}

  std::shared_ptr<net::Stream> connection;
  wire::FrameReader frames{wire::kMaxHelloBytes};
  ClientInfo client;  // host is empty before HELLO
  std::shared_ptr<Stream> stream;
  std::unique_ptr<wire::SampleDecoder> decoder;
  std::vector<metric::Tag> tags;  // added to every schema
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const metric::Batch>>> pending;
  std::optional<wire::RefuseCode> refuse;  // a more exact code than the error's kind
  bool greeted = false;                    // on the session's executor only, until it has ended
  bool said_goodbye = false;
  std::uint64_t resumed_after = 0;
  std::atomic<bool> told_to_go{false};
  std::atomic<std::int64_t> heard_at{0};  // steady clock, ns

  void hear() { heard_at = steady_clock::now().time_since_epoch().count(); }
};

Server::Server(ServerOptions options, net::TokenSet tokens, metric::SchemaTable& schemas, Log& log, Observer& observer)
    : options_(std::move(options)), tokens_(std::move(tokens)), schemas_(schemas), log_(log), observer_(observer) {}

Server::~Server() = default;

void Server::accept(asio::ip::tcp::socket socket) {
  const auto executor = socket.get_executor();
  auto session = std::make_shared<Session>(std::move(socket), options_.tls);
  if (!enter(session)) return;
  ++stats_.connections;
  asio::co_spawn(executor, serve(session), [this, session](const std::exception_ptr& error) {
    leave(session);
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      log::error("ingest", "session ended by an exception", {{"reason", e.what()}});
    }
  });
}

void Server::stop() {
  std::vector<std::shared_ptr<Session>> all;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [key, weak] : sessions_)
      if (auto session = weak.lock()) all.push_back(std::move(session));
  }
  // A session that waits for bytes is woken by the end of its input and says goodbye itself, since only it may write;
  // one that is at work sees told_to_go when it comes back.
  for (const auto& session : all) {
    session->told_to_go = true;
    asio::post(session->connection->executor(), [session] {
      if (session->greeted)
        session->connection->stop_reading();
      else
        session->connection->close();
    });
  }
}

std::size_t Server::sessions() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

bool Server::enter(const std::shared_ptr<Session>& session) {
  std::lock_guard lock(mutex_);
  if (stopping_) return false;
  // Whoever has not said a valid HELLO costs a descriptor; they must not use up those of the others.
  const std::size_t greeting = sessions_.size() - std::min<std::size_t>(sessions_.size(), stats_.clients.load());
  if (greeting >= options_.max_greeting) {
    ++stats_.turned_away;
    if (!std::exchange(turning_away_, true))
      log::warn("ingest", "too many connections without HELLO: turning away", {{"limit", options_.max_greeting}});
    return false;
  }
  turning_away_ = false;
  sessions_.emplace(session.get(), session);
  return true;
}

// The observer hears of a name's coming and going under the lock: a connection that another has replaced must not take
// the name down after its successor brought it up.
void Server::tell_observer(const std::shared_ptr<Session>& session) {
  std::lock_guard lock(mutex_);
  if (const auto it = names_.find(session->client.host); it != names_.end() && it->second.lock() == session)
    observer_.connected(session->client);
}

void Server::leave(const std::shared_ptr<Session>& session) {
  std::lock_guard lock(mutex_);
  sessions_.erase(session.get());
  if (!session->stream) return;
  session->stream->last_used = steady_clock::now();
  session->stream.reset();
  if (const auto it = names_.find(session->client.host); it != names_.end() && it->second.lock() == session) {
    names_.erase(it);
    if (session->greeted) observer_.disconnected(session->client.host);
  }
}

asio::awaitable<void> Server::serve(std::shared_ptr<Session> session) {
  Session& s = *session;
  Status status = co_await s.connection->handshake(options_.hello_timeout);
  const bool secure = status.has_value();
  if (status.has_value()) status = co_await greet(session);
  const bool greeted = status.has_value();
  if (greeted) {
    s.greeted = true;
    ++stats_.clients;
    tell_observer(session);
    log::info("ingest", "client connected",
              {{"host", s.client.host},
               {"address", s.client.address},
               {"software", s.client.software},
               {"tls", options_.tls != nullptr},
               {"resume_from", s.resumed_after + 1}});
    status = co_await receive(session);
    --stats_.clients;
  } else if (!s.told_to_go) {
    ++stats_.refused;
  }

  if (status.has_value() || s.told_to_go) {
    log::info("ingest", "client disconnected",
              {{"host", s.client.host.empty() ? "unknown" : s.client.host},
               {"address", s.connection->peer()},
               {"reason", s.told_to_go     ? "told to go"
                          : s.said_goodbye ? "goodbye"
                                           : "end of stream"}});
    if (status.has_value() && s.told_to_go) co_await s.connection->close_gently(std::chrono::milliseconds(500));
    s.connection->close();
    co_return;
  }
  const Error& error = status.error();
  const bool lost = greeted && error.kind == ErrorKind::kUnavailable && !s.refuse;
  const wire::RefuseCode code = s.refuse.value_or(code_of(error.kind));
  if (lost)
    log::warn("ingest", "client lost",
              {{"host", s.client.host}, {"address", s.connection->peer()}, {"reason", error.message}});
  else
    log::warn("ingest", "client refused",
              {{"host", s.client.host.empty() ? "unknown" : s.client.host},
               {"address", s.connection->peer()},
               {"code", secure ? refuse_name(code) : std::string_view("tls")},
               {"reason", error.message}});
  if (!lost && secure) {
    std::string out;
    wire::encode(wire::Refuse{code, error.message, code == wire::RefuseCode::kNameInUse ? 10'000'000'000U : 0U}, out);
    if (Status told = co_await s.connection->write(out, std::chrono::seconds(2)); told.has_value())
      co_await s.connection->close_gently(std::chrono::seconds(1));
  }
  s.connection->close();
}

asio::awaitable<Status> Server::greet(std::shared_ptr<Session> session) {
  Session& s = *session;
  const auto deadline = steady_clock::now() + options_.hello_timeout;
  std::vector<char> buffer(kFirstBufferBytes);
  std::optional<wire::Frame> frame;
  while (!frame) {
    auto next = s.frames.next();
    if (!next) {
      s.refuse = wire::RefuseCode::kNotHello;
      co_return fail(ErrorKind::kInvalid, "does not speak resmon's protocol: " + next.error().message);
    }
    frame = *next;
    if (frame) break;
    auto got = co_await s.connection->read_some(buffer, deadline - steady_clock::now());
    if (!got || *got == 0) {
      s.refuse = wire::RefuseCode::kNotHello;
      co_return fail(ErrorKind::kUnavailable,
                     "no HELLO: " + (got ? std::string("connection closed") : got.error().message));
    }
    stats_.received_bytes += *got;
    s.frames.append(std::string_view(buffer.data(), *got));
  }
  if (frame->type != static_cast<std::uint8_t>(wire::FrameType::kHello)) {
    s.refuse = wire::RefuseCode::kNotHello;
    co_return fail(ErrorKind::kInvalid, "the first frame is of type " + std::to_string(frame->type) + ", not HELLO");
  }
  auto decoded = wire::decode_hello(frame->payload);
  if (!decoded) {
    s.refuse = wire::RefuseCode::kMalformed;
    co_return refusal_of(decoded.error());
  }
  const wire::Hello& hello = *decoded;
  if (hello.oldest_version > wire::kNewestVersion || hello.newest_version < wire::kOldestVersion)
    co_return fail(ErrorKind::kUnsupported,
                   "the client speaks protocol versions " + std::to_string(hello.oldest_version) + " to " +
                       std::to_string(hello.newest_version) + ", this server " + std::to_string(wire::kOldestVersion) +
                       " to " + std::to_string(wire::kNewestVersion));
  s.client.address = s.connection->peer();
  s.client.software = hello.software;
  s.client.interval = std::chrono::nanoseconds(
      static_cast<std::int64_t>(std::min<std::uint64_t>(hello.interval_ns, 86'400'000'000'000)));
  s.client.tags = hello.tags;
  s.client.host = hello.client;
  if (!tokens_.contains(hello.token)) {
    s.refuse = wire::RefuseCode::kToken;
    co_return fail(ErrorKind::kDenied, hello.token.empty() ? "no token" : "unknown token");
  }
  if (stopping_) {
    s.refuse = wire::RefuseCode::kStopping;
    co_return fail(ErrorKind::kUnavailable, "the server is stopping");
  }
  if (stats_.clients.load() >= options_.max_clients) {
    s.refuse = wire::RefuseCode::kLimit;
    co_return fail(ErrorKind::kLimit,
                   "the server's limit of " + std::to_string(options_.max_clients) + " clients is reached");
  }
  s.hear();
  if (Status claimed = claim(session, hello); !claimed) co_return claimed;

  const auto skew = static_cast<std::int64_t>(static_cast<std::uint64_t>(hello.clock) -
                                              static_cast<std::uint64_t>(Clock::system().wall()));
  if (skew > kSkewWorthALine || skew < -kSkewWorthALine)
    log::warn("ingest", "client's clock differs",
              {{"host", hello.client}, {"skew_seconds", static_cast<double>(skew) / 1e9}});

  s.tags = hello.tags;
  s.tags.push_back({"host", hello.client});
  Session* const raw = session.get();  // the decoder is the session's own
  s.decoder = std::make_unique<wire::SampleDecoder>(options_.decoder, [this, raw](metric::Schema schema) {
    schema.tags.insert(schema.tags.end(), raw->tags.begin(), raw->tags.end());
    metric::normalise_tags(schema.tags);
    return schemas_.intern(std::move(schema));
  });
  s.frames.set_max_frame_bytes(options_.max_frame_bytes);

  wire::Welcome welcome;
  {
    std::lock_guard lock(s.stream->mutex);
    welcome.acknowledged = s.stream->last_sequence;
  }
  s.resumed_after = welcome.acknowledged;
  welcome.clock = Clock::system().wall();
  welcome.max_frame_bytes = options_.max_frame_bytes;
  welcome.max_series = options_.decoder.max_series;
  welcome.idle_timeout_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(options_.idle_timeout).count());
  welcome.software = options_.software;
  std::string out;
  wire::encode(welcome, out);
  co_return co_await s.connection->write(out, options_.write_timeout);
}

Status Server::claim(const std::shared_ptr<Session>& session, const wire::Hello& hello) {
  std::lock_guard lock(mutex_);
  const auto now = steady_clock::now();
  std::shared_ptr<Stream> claimed;
  if (const auto it = streams_.find(hello.stream); it != streams_.end()) claimed = it->second;
  if (const auto it = names_.find(hello.client); it != names_.end()) {
    if (const std::shared_ptr<Session> other = it->second.lock()) {
      const auto silent = std::chrono::nanoseconds(now.time_since_epoch().count() - other->heard_at.load());
      if ((!claimed || other->stream != claimed) && silent < kNameSilence) {
        session->refuse = wire::RefuseCode::kNameInUse;
        return fail(ErrorKind::kUnavailable, "another client named '" + hello.client + "' is connected from " +
                                                 other->client.address + "; give each its own client.host");
      }
      other->told_to_go = true;
      asio::post(other->connection->executor(), [other] { other->connection->close(); });
    }
  }
  if (!claimed) {
    bound_streams();
    claimed = streams_[hello.stream] = std::make_shared<Stream>();
  }
  claimed->last_used = now;
  names_[hello.client] = session;
  {
    std::lock_guard stream_lock(claimed->mutex);
    claimed->owner = session.get();
  }
  session->stream = std::move(claimed);
  return {};
}

// Streams without a connection are forgotten, those that were used the longest ago first: an eighth at a time, since
// looking through all of them takes milliseconds. A client that comes back to a forgotten stream sends again what was
// never acknowledged, and the store has the same sample at the same time once.
void Server::bound_streams() {
  if (streams_.size() < options_.max_streams) return;
  std::vector<std::pair<steady_clock::time_point, wire::StreamId>> idle;
  for (const auto& [id, stream] : streams_)
    if (stream.use_count() == 1) idle.emplace_back(stream->last_used, id);
  const auto count = std::min(idle.size(), streams_.size() - options_.max_streams + options_.max_streams / 8 + 1);
  std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end());
  for (std::size_t i = 0; i < count; ++i) streams_.erase(idle[i].second);
  stats_.forgotten_streams += count;
}

asio::awaitable<Status> Server::receive(std::shared_ptr<Session> session) {
  Session& s = *session;
  std::vector<char> buffer(kFirstBufferBytes);
  std::string out;
  while (true) {
    bool acknowledge = false;
    bool heard = false;
    while (true) {
      auto frame = s.frames.next();
      if (!frame) co_return fail(std::move(frame).error());
      if (!*frame) break;
      heard = true;
      if ((*frame)->type == static_cast<std::uint8_t>(wire::FrameType::kPing)) {
        auto ping = wire::decode_ping((*frame)->payload);
        if (!ping) co_return fail(std::move(ping).error());
        wire::encode_ping(wire::FrameType::kPong, *ping, out);
        if (out.size() > kMostBufferBytes) break;  // a flood of pings waits its turn like anything else
        continue;
      }
      if (Status taken = co_await take_frame(session, **frame, acknowledge); !taken) co_return taken;
      if (s.said_goodbye) break;
    }
    if (heard) {
      s.hear();
      observer_.heard_from(s.client.host);
    }
    if (acknowledge) {
      std::lock_guard lock(s.stream->mutex);
      wire::encode(wire::Ack{s.stream->last_sequence}, out);
    }
    if (!out.empty()) {
      if (Status written = co_await s.connection->write(out, options_.write_timeout); !written) co_return written;
      out.clear();
    }
    if (s.said_goodbye) co_return Status();
    if (s.told_to_go) {
      wire::encode_goodbye(stopping_ ? "the server is stopping" : "a newer connection took over", out);
      co_return co_await s.connection->write(out, std::chrono::seconds(1));
    }
    if (s.frames.buffered_bytes() == 0) s.frames.release();
    auto got = co_await s.connection->read_some(buffer, options_.idle_timeout);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0 && s.told_to_go) continue;
    if (*got == 0) co_return Status();
    stats_.received_bytes += *got;
    s.frames.append(std::string_view(buffer.data(), *got));
    if (*got == buffer.size() && buffer.size() < kMostBufferBytes)
      buffer.resize(buffer.size() * 4);
    else if (*got < kFirstBufferBytes && buffer.size() > kFirstBufferBytes)
      std::vector<char>(kFirstBufferBytes).swap(buffer);
  }
}

asio::awaitable<Status> Server::take_frame(std::shared_ptr<Session> session, wire::Frame frame, bool& acknowledge) {
  Session& s = *session;
  switch (static_cast<wire::FrameType>(frame.type)) {
    case wire::FrameType::kSchema:
      co_return s.decoder->decode_schema(frame.payload);
    case wire::FrameType::kSamples: {
      metric::Batch scratch;
      Status decoded = s.decoder->decode_samples(
          frame.payload, scratch, [&s](std::uint64_t sequence, metric::Batch& batch) -> Status {
            s.pending.emplace_back(sequence, std::make_shared<const metric::Batch>(std::move(batch)));
            batch = metric::Batch();
            return {};
          });
      // What was decoded before a damaged batch is good and is kept.
      Status appended = co_await append_pending(session);
      acknowledge = true;
      co_return decoded.has_value() ? appended : decoded;
    }
    case wire::FrameType::kGoodbye:
      s.said_goodbye = true;
      co_return Status();
    case wire::FrameType::kHello:
      co_return fail(ErrorKind::kInvalid, "a second HELLO");
    default:
      co_return Status();  // a later version's frame
  }
}

asio::awaitable<Status> Server::append_pending(std::shared_ptr<Session> session) {
  Session& s = *session;
  const UnixNanos received = Clock::system().wall();
  asio::steady_timer pause(s.connection->executor());
  for (auto& [sequence, batch] : s.pending) {
    while (true) {
      {
        std::lock_guard lock(s.stream->mutex);
        if (s.stream->owner != session.get()) {
          s.pending.clear();
          co_return fail(ErrorKind::kUnavailable, "a newer connection of this client took over");
        }
        if (sequence <= s.stream->last_sequence) {
          ++stats_.duplicate_batches;
          break;
        }
        if (log_.append(batch, received).has_value()) {
          if (s.stream->last_sequence != 0 && sequence > s.stream->last_sequence + 1)
            stats_.missing_batches += sequence - s.stream->last_sequence - 1;
          s.stream->last_sequence = sequence;
          ++stats_.batches;
          stats_.samples += batch->samples();
          break;
        }
      }
      // Full: nothing is acknowledged, so the client keeps it, and TCP holds back what follows.
      pause.expires_after(kFullLogPause);
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      if (stopping_) co_return fail(ErrorKind::kUnavailable, "stopping with a full log");
    }
  }
  s.pending.clear();
  co_return Status();
}

}  // namespace resmon::ingest
