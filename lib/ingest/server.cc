#include "ingest/server.h"

// A session reads what has arrived, decodes every whole frame of it, appends the batches to the log, and reads on. What
// it owes the client (acknowledgements when they are durable, answers to PING) is written by a second coroutine that
// exists only while there is something to write: ten thousand clients that wait for the next sync cost no coroutine
// each, and one sync acknowledges for all of them by one look through a list on each io context (DurableLane).
//
// Exactly once: sequence numbers count within a stream (one life of a client's spool). The log knows the last one of
// each stream; what is not above it was taken before and is dropped. Only what is durable is acknowledged: what was
// appended and then lost with the process is not, and comes again. A stream has one owner at a time; a connection that
// lost its stream to a newer one can append nothing more, so two connections of one client never interleave.

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>

#include "base/log.h"
#include "ingest/rows.h"

namespace resmon::ingest {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kFirstBufferBytes = 1024;  // a quiet client's gather fits; ten thousand of them take 10 MiB
constexpr std::size_t kMostBufferBytes = 256U << 10U;
constexpr auto kNameSilence = std::chrono::seconds(30);  // a client silent this long may lose its name to another
constexpr auto kFullLogPause = std::chrono::milliseconds(50);
constexpr std::int64_t kSkewWorthALine = 5'000'000'000;
constexpr std::size_t kPendingCells = 32'768;  // batches of one frame are joined up to this many
constexpr auto kGoodbyePatience = std::chrono::seconds(5);
constexpr std::size_t kMostVisitors = 65'536;

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
  const Session* owner = nullptr;  // guarded by mutex
  std::shared_ptr<LogStream> log;  // constant
};

struct Server::Pending {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  metric::Batch batch;
  std::vector<std::size_t> row_ends;  // where each sequence number's rows end
};

struct Server::Session {
  Session(asio::ip::tcp::socket socket, const net::TlsContext& tls)
      : connection(std::make_shared<net::Stream>(std::move(socket), tls)) {}

  std::shared_ptr<net::Stream> connection;
  wire::FrameReader frames{wire::kMaxHelloBytes};
  ClientInfo client;  // host is empty before HELLO
  std::shared_ptr<Stream> stream;
  std::shared_ptr<DurableLane> lane;
  std::unique_ptr<wire::SampleDecoder> decoder;
  metric::SharedList<metric::Tag> tags;  // added to every schema, and all that a schema without its own has
  std::vector<Pending> pending;
  std::optional<wire::RefuseCode> refuse;  // a more exact code than the error's kind
  bool greeted = false;                    // on the session's executor only, until it has ended
  bool said_goodbye = false;
  bool ahead_reported = false;
  std::uint64_t resumed_after = 0;
  std::optional<net::TokenSet::Digest> token;  // that let it in; on the session's executor only
  bool token_revoked = false;                  // so is this
  std::atomic<bool> told_to_go{false};
  std::atomic<std::int64_t> heard_at{0};  // steady clock, ns

  // What is to be acknowledged when `position` is durable: never beyond what this connection was sent.
  std::uint64_t sequence = 0;
  std::uint64_t position = 0;
  bool owes = false;  // something came since the last acknowledgement was asked for

  // For the writer.
  std::string out;         // frames that are due
  std::uint64_t ack = 0;   // to be said
  std::uint64_t said = 0;  // the last that was
  bool ack_due = false;
  bool writing = false;
  std::optional<asio::steady_timer> settled;  // rings when the writer has ended, if somebody waits for it

  void hear() { heard_at = steady_clock::now().time_since_epoch().count(); }
};

// A bucket for each address that leaks at the rate allowed.
class Server::Visitors {
 public:
  explicit Visitors(std::uint32_t rate) : rate_(rate) {}

  bool may_enter(const asio::ip::address& address) {
    if (rate_ == 0) return true;
    const auto now = steady_clock::now();
    if (buckets_.size() >= kMostVisitors) {
      // Whoever has not come for ten seconds has an empty bucket. If nobody has, all begin anew: better than refusing
      // strangers.
      std::erase_if(buckets_, [&](const auto& one) { return now - one.second.at > std::chrono::seconds(10); });
      if (buckets_.size() >= kMostVisitors) buckets_.clear();
    }
    Bucket& bucket = buckets_.try_emplace(address, Bucket{0, now}).first->second;
    bucket.level = std::max(0.0, bucket.level - std::chrono::duration<double>(now - bucket.at).count() * rate_);
    bucket.at = now;
    if (bucket.level + 1 > 10.0 * rate_) return false;
    bucket.level += 1;
    return true;
  }

 private:
  struct Bucket {
    double level;
    steady_clock::time_point at;
  };
  const double rate_;
  std::map<asio::ip::address, Bucket> buckets_;
};

Server::Server(ServerOptions options, net::TokenSet tokens, metric::SchemaTable& schemas, Log& log, Observer& observer)
    : options_(std::move(options)),
      tokens_(std::move(tokens)),
      schemas_(schemas),
      log_(log),
      observer_(observer),
      visitors_(std::make_unique<Visitors>(options_.connection_rate)) {}

Server::~Server() = default;

void Server::accept(asio::ip::tcp::socket socket) {
  const auto executor = socket.get_executor();
  boost::system::error_code gone;
  const auto from = socket.remote_endpoint(gone);
  if (gone) return;
  {
    std::lock_guard lock(mutex_);
    if (!visitors_->may_enter(from.address())) {
      if (stats_.rate_limited++ % 1000 == 0)
        log::warn("ingest", "too many connections from one address: turning away",
                  {{"address", from.address().to_string()},
                   {"limit_per_second", options_.connection_rate},
                   {"turned_away", stats_.rate_limited.load()}});
      return;
    }
  }
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
    all = everybody();
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

std::vector<std::shared_ptr<Server::Session>> Server::everybody() const {
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [key, weak] : sessions_)
    if (auto session = weak.lock()) all.push_back(std::move(session));
  return all;
}

bool Server::lets_in(const net::TokenSet::Digest& token) const {
  return tokens_.get()->contains(token) || (options_.also_lets_in && options_.also_lets_in(token));
}

void Server::change_tokens(net::TokenSet tokens) {
  tokens_.replace(std::move(tokens));
  check_tokens();
}

// Each session is asked on its own executor. Whoever is let in after this was let in by the new tokens.
void Server::check_tokens() {
  std::vector<std::shared_ptr<Session>> all;
  {
    std::lock_guard lock(mutex_);
    all = everybody();
  }
  for (const auto& session : all)
    asio::post(session->connection->executor(), [this, session] {
      if (!session->token || lets_in(*session->token)) return;
      session->token_revoked = true;
      session->connection->stop_reading();
    });
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
  const wire::StreamId id = session->stream->log->id;
  session->stream.reset();
  if (const auto it = streams_.find(id); it != streams_.end() && it->second.expired()) streams_.erase(it);
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
    co_await settle(session, std::chrono::seconds(2));
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
  const net::TokenSet::Digest token = net::TokenSet::digest(hello.token);
  if (!lets_in(token)) {
    s.refuse = wire::RefuseCode::kToken;
    co_return fail(ErrorKind::kDenied, hello.token.empty() ? "no token" : "unknown token");
  }
  s.token = token;
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
  s.client.clock_skew = std::chrono::nanoseconds(skew);
  if (skew > kSkewWorthALine || skew < -kSkewWorthALine) ++stats_.skewed_clients;
  if (skew > kSkewWorthALine || skew < -kSkewWorthALine)
    log::warn("ingest", "client's clock differs",
              {{"host", hello.client}, {"skew_seconds", static_cast<double>(skew) / 1e9}});

  std::vector<metric::Tag> tags = hello.tags;
  tags.push_back({"host", hello.client});
  metric::normalise_tags(tags);
  s.tags = std::move(tags);
  Session* const raw = session.get();  // the decoder is the session's own
  wire::Welcome welcome;
  welcome.version = std::min(hello.newest_version, wire::kNewestVersion);
  const auto intern = [this, raw](metric::Schema schema) {
    if (schema.tags.empty()) {
      schema.tags = raw->tags;
    } else {
      for (const metric::Tag& tag : raw->tags) schema.tags.push_back(tag);
      metric::normalise_tags(schema.tags);
    }
    return schemas_.intern(std::move(schema));
  };
  s.decoder = std::make_unique<wire::SampleDecoder>(options_.decoder, intern, welcome.version);
  s.frames.set_max_frame_bytes(options_.max_frame_bytes);

  welcome.acknowledged = log_.acknowledged(*s.stream->log);
  s.resumed_after = s.sequence = s.ack = s.said = welcome.acknowledged;
  s.lane = log_.lane(s.connection->executor());
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
  if (const auto it = streams_.find(hello.stream); it != streams_.end()) claimed = it->second.lock();
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
    claimed = std::make_shared<Stream>();
    claimed->log = log_.stream(hello.stream);
    streams_[hello.stream] = claimed;
  }
  names_[hello.client] = session;
  {
    std::lock_guard stream_lock(claimed->mutex);
    claimed->owner = session.get();
  }
  session->stream = std::move(claimed);
  return {};
}

asio::awaitable<Status> Server::receive(std::shared_ptr<Session> session) {
  Session& s = *session;
  std::vector<char> buffer(kFirstBufferBytes);
  while (true) {
    bool heard = false;
    while (true) {
      auto frame = s.frames.next();
      if (!frame) co_return fail(std::move(frame).error());
      if (!*frame) break;
      heard = true;
      if ((*frame)->type == static_cast<std::uint8_t>(wire::FrameType::kPing)) {
        auto ping = wire::decode_ping((*frame)->payload);
        if (!ping) co_return fail(std::move(ping).error());
        wire::encode_ping(wire::FrameType::kPong, *ping, s.out);
        start_writing(session);
        // A flood of pings waits until its answers are taken.
        if (s.out.size() > kMostBufferBytes) co_await settle(session, options_.write_timeout);
        continue;
      }
      Status taken = co_await take_frame(session, **frame);
      if (!taken) {
        acknowledge_when_durable(session);
        co_return taken;
      }
      if (s.said_goodbye) break;
    }
    if (heard) {
      s.hear();
      observer_.heard_from(s.client.host);
    }
    acknowledge_when_durable(session);
    if (s.said_goodbye || s.told_to_go || s.token_revoked) {
      // Its last batches are about to be durable.
      asio::steady_timer pause(s.connection->executor());
      const auto until = steady_clock::now() + (s.said_goodbye ? kGoodbyePatience : std::chrono::seconds(1));
      while (s.position > log_.durable_position() && steady_clock::now() < until) {
        pause.expires_after(std::chrono::milliseconds(5));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      if (s.sequence > s.said && s.position <= log_.durable_position()) {
        s.ack = std::max(s.ack, s.sequence);
        s.ack_due = true;
        start_writing(session);
      }
      co_await settle(session, std::chrono::seconds(2));
    }
    if (s.said_goodbye) co_return Status();
    if (s.token_revoked) {
      s.refuse = wire::RefuseCode::kToken;
      co_return fail(ErrorKind::kDenied, "its token was taken back");
    }
    if (s.told_to_go) {
      std::string out;
      wire::encode_goodbye(stopping_ ? "the server is stopping" : "a newer connection took over", out);
      co_return co_await s.connection->write(out, std::chrono::seconds(1));
    }
    if (s.frames.buffered_bytes() == 0) s.frames.release();
    auto got = co_await s.connection->read_some(buffer, options_.idle_timeout);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0 && (s.told_to_go || s.token_revoked)) continue;
    if (*got == 0) co_return Status();
    stats_.received_bytes += *got;
    s.frames.append(std::string_view(buffer.data(), *got));
    if (*got == buffer.size() && buffer.size() < kMostBufferBytes)
      buffer.resize(buffer.size() * 4);
    else if (*got < kFirstBufferBytes && buffer.size() > kFirstBufferBytes)
      std::vector<char>(kFirstBufferBytes).swap(buffer);
  }
}

// One request for all that came with one read; the newest tells for those before.
void Server::acknowledge_when_durable(const std::shared_ptr<Session>& session) {
  if (!std::exchange(session->owes, false)) return;
  const auto done = [this, weak = std::weak_ptr<Session>(session), stream = session->stream,
                     sequence = session->sequence] {
    log_.acknowledge(*stream->log, sequence);
    const std::shared_ptr<Session> s = weak.lock();
    if (!s) return;
    s->ack = std::max(s->ack, sequence);
    s->ack_due = true;
    start_writing(s);
  };
  session->lane->wait(session->position, done, std::weak_ptr<const void>(session));
}

void Server::start_writing(const std::shared_ptr<Session>& session) {
  if (std::exchange(session->writing, true)) return;
  asio::co_spawn(session->connection->executor(), write_out(session, options_.write_timeout), asio::detached);
}

// Writes until nothing is due. A client that does not read its answers for the length of the timeout is hung up on.
asio::awaitable<void> Server::write_out(std::shared_ptr<Session> session, net::Timeout timeout) {
  Session& s = *session;
  std::string out;
  while (true) {
    out.clear();
    out.swap(s.out);
    if (std::exchange(s.ack_due, false)) {
      s.said = s.ack;
      wire::encode(wire::Ack{s.ack}, out);
    }
    if (out.empty()) break;
    if (const Status written = co_await s.connection->write(out, timeout); !written) {
      s.out.clear();
      s.connection->close();  // the reader reports it
      break;
    }
  }
  s.writing = false;
  if (s.settled) s.settled->cancel();
}

// Waits until the writer has ended: then whoever calls this may write.
asio::awaitable<void> Server::settle(std::shared_ptr<Session> session, net::Timeout patience) {
  Session& s = *session;
  if (!s.writing) co_return;
  s.settled.emplace(s.connection->executor());
  s.settled->expires_after(patience);
  co_await s.settled->async_wait(asio::as_tuple(asio::use_awaitable));
  s.settled.reset();
  if (s.writing) s.connection->close();
}

asio::awaitable<Status> Server::take_frame(std::shared_ptr<Session> session, wire::Frame frame) {
  Session& s = *session;
  switch (static_cast<wire::FrameType>(frame.type)) {
    case wire::FrameType::kSchema:
      co_return s.decoder->decode_schema(frame.payload);
    case wire::FrameType::kSamples: {
      Pending open;
      const auto put_by = [&s, &open] {
        s.pending.push_back(std::move(open));
        open = Pending();
      };
      Status decoded =
          s.decoder->append_samples(frame.payload, open.batch, [&](std::uint64_t sequence, metric::Batch& batch) {
            if (open.row_ends.empty()) open.first = sequence;
            open.last = sequence;
            open.row_ends.push_back(batch.rows().size());
            if (!batch.empty() && batch.rows().back().first_cell > kPendingCells) put_by();
            return Status();
          });
      // What was decoded before a damaged batch is good and is kept.
      if (!decoded && !open.row_ends.empty() && open.batch.rows().size() > open.row_ends.back())
        open.batch = copy_rows(schemas_, open.batch, row_range(0, open.row_ends.back()));
      if (!open.row_ends.empty()) put_by();
      s.owes = true;
      Status appended = co_await append_pending(session);
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
  asio::steady_timer pause(s.connection->executor());
  for (Pending& pending : s.pending) {
    drop_strays(s, pending, Clock::system().wall());
    while (true) {
      auto done = append_once(s, pending);
      if (!done) {
        s.pending.clear();
        co_return fail(std::move(done).error());
      }
      if (*done) break;
      // Full, or the disk fails: nothing is acknowledged, so the client keeps it, and TCP holds back what follows.
      s.hear();
      pause.expires_after(kFullLogPause);
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      if (stopping_ || s.told_to_go) {
        s.pending.clear();
        co_return fail(ErrorKind::kUnavailable, "gone before the log had room");
      }
    }
  }
  s.pending.clear();
  co_return Status();
}

// False: there is no room now.
Result<bool> Server::append_once(Session& s, Pending& pending) {
  std::lock_guard lock(s.stream->mutex);
  if (s.stream->owner != &s) return fail(ErrorKind::kUnavailable, "a newer connection of this client took over");
  const auto [last, position] = log_.last_of(*s.stream->log);
  const auto seen = [&](std::uint64_t sequence, std::uint64_t at) {
    s.sequence = std::max(s.sequence, sequence);
    s.position = std::max(s.position, at);
  };
  if (pending.last <= last) {
    stats_.duplicate_batches += pending.row_ends.size();
    seen(pending.last, position);
    return true;
  }
  if (pending.first <= last) {
    // Sent again in other portions than the first time: the beginning is there.
    const std::size_t skip = last - pending.first + 1;
    const std::size_t from = pending.row_ends[skip - 1];
    pending.batch = copy_rows(schemas_, pending.batch, row_range(from, pending.batch.rows().size()));
    pending.row_ends.erase(pending.row_ends.begin(), pending.row_ends.begin() + static_cast<std::ptrdiff_t>(skip));
    for (std::size_t& end : pending.row_ends) end -= from;
    pending.first = last + 1;
    stats_.duplicate_batches += skip;
  }
  const auto appended = log_.append(*s.stream->log, pending.first, pending.last, pending.batch, Clock::system().wall());
  if (!appended) {
    if (appended.error().kind != ErrorKind::kLimit) return false;
    // It will never go, and what follows must not wait for it.
    const std::string reason = "larger than a record of the journal: " + appended.error().message;
    log::error("ingest", "batch refused", {{"host", s.client.host}, {"reason", reason}});
    observer_.set_aside(s.client.host, pending.batch, reason);
    stats_.refused_samples += pending.batch.samples();
    pending.batch.clear();
    return false;  // and again without its rows
  }
  stats_.missing_batches += appended->missing;
  stats_.batches += pending.row_ends.size();
  stats_.samples += pending.batch.samples();
  seen(pending.last, appended->position);
  return true;
}

// Rows of impossible times: one that is far ahead would be the newest for good, and hide all that comes.
void Server::drop_strays(Session& s, Pending& pending, UnixNanos received) {
  const TimeBounds believed = TimeBounds::around(received, options_.max_past, options_.max_future);
  std::size_t strays = 0;
  UnixNanos newest = INT64_MIN;
  for (const metric::Row& row : pending.batch.rows()) {
    newest = std::max(newest, row.time);
    strays += believed.has(row.time) ? 0U : 1U;
  }
  if (newest != INT64_MIN && newest > received + kSkewWorthALine && !std::exchange(s.ahead_reported, true))
    log::warn("ingest", "client sends samples of the future",
              {{"host", s.client.host}, {"ahead_seconds", static_cast<double>(newest - received) / 1e9}});
  if (strays == 0) return;
  std::vector<std::size_t> good;
  std::vector<std::size_t> bad;
  std::vector<std::size_t> ends;
  std::size_t next = 0;
  for (std::size_t i = 0; i < pending.batch.rows().size(); ++i) {
    while (next < pending.row_ends.size() && pending.row_ends[next] <= i) {
      ends.push_back(good.size());
      ++next;
    }
    (believed.has(pending.batch.rows()[i].time) ? good : bad).push_back(i);
  }
  while (ends.size() < pending.row_ends.size()) ends.push_back(good.size());
  const metric::Batch refused = copy_rows(schemas_, pending.batch, bad);
  pending.batch = copy_rows(schemas_, pending.batch, good);
  pending.row_ends = std::move(ends);
  stats_.refused_samples += refused.samples();
  observer_.set_aside(s.client.host, refused, "its time is too far from the server's clock");
}

}  // namespace resmon::ingest
