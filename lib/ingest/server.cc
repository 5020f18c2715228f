#include "ingest/server.h"

#include <algorithm>
#include <random>

#include "base/log.h"
#include "ingest/server_internal.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr std::size_t kMostVisitors = 65'536;
constexpr std::size_t kMostNoticeBytes = 1000;

wire::RefuseCode code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kLimit:
      return wire::RefuseCode::kLimit;
    case ErrorKind::kDenied:
      return wire::RefuseCode::kToken;
    case ErrorKind::kUnsupported:
      return wire::RefuseCode::kVersion;
    case ErrorKind::kUnavailable:
    case ErrorKind::kNotFound:  // a schema that the table has forgotten: a new connection declares it again
      return wire::RefuseCode::kBusy;
    default:
      return wire::RefuseCode::kMalformed;
  }
}

// Without the port, and an IPv6 address without its brackets.
std::string address_of(const std::string& peer) {
  const std::string address = peer.substr(0, peer.rfind(':'));
  return address.starts_with('[') ? address.substr(1, address.size() - 2) : address;
}

}  // namespace

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
      crowd_(std::make_unique<Crowd>(options_)),
      visitors_(std::make_unique<Visitors>(options_.connection_rate)) {}

Server::~Server() = default;

void Server::accept(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
  const auto executor = socket.get_executor();
  {
    MutexLock lock(mutex_);
    if (!visitors_->may_enter(from.address())) {
      if (stats_.rate_limited++ % 1000 == 0)
        log::warn("ingest", "too many connections from one address: turning away",
                  {{"address", from.address().to_string()},
                   {"limit_per_second", options_.connection_rate},
                   {"turned_away", stats_.rate_limited.load()}});
      return;
    }
  }
  auto session = std::make_shared<Session>(std::move(socket), options_.tls,
                                           net::to_string({from.address().to_string(), from.port()}));
  if (!enter(session, from.address())) return;
  ++stats_.connections;
  net::start(executor, serve(session), [this, session](const std::exception_ptr& error) {
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
    MutexLock lock(mutex_);
    stopping_ = true;
    all = everybody();
  }
  // A session that waits for bytes is woken by the end of its input and says goodbye itself, since only it may write;
  // one that is at work sees told_to_go when it comes back.
  for (const auto& session : all) {
    session->told_to_go = true;
    net::post(session->connection->executor(), [session] {
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

net::Admission Server::admission(const net::TokenSet::Digest& token, std::string_view host) const {
  if (options_.also_lets_in && options_.also_lets_in(token)) return net::Admission::kYes;
  return tokens_.get()->admission(token, host);
}

void Server::change_tokens(net::TokenSet tokens) {
  tokens_.replace(std::move(tokens));
  check_tokens();
}

void Server::on_each_session(const std::function<void(Session&)>& work) {
  std::vector<std::shared_ptr<Session>> all;
  {
    const MutexLock lock(mutex_);
    all = everybody();
  }
  for (const auto& session : all) net::post(session->connection->executor(), [session, work] { work(*session); });
}

// Whoever is let in after this was let in by the new tokens.
void Server::check_tokens() {
  on_each_session([this](Session& session) {
    if (!session.token || admission(*session.token, session.client.host) == net::Admission::kYes) return;
    session.token_revoked = true;
    session.connection->stop_reading();
  });
}

std::size_t Server::sessions() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

// Whoever has not said a valid HELLO costs a descriptor; they must not use up those of the others.
bool Server::enter(const std::shared_ptr<Session>& session, const asio::ip::address& address) {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  sessions_.emplace(session.get(), session);
  const MutexLock crowd_lock(crowd_->mutex);
  const void* const gone = crowd_->half_open.enter(session.get(), address);
  stats_.half_open = crowd_->half_open.size();
  if (gone == nullptr) return true;
  ++stats_.turned_away;
  if (crowd_->refusals.say("half open", ""))
    log::warn("ingest", "too many connections without HELLO: the oldest are closed",
              {{"limit", options_.max_greeting}});
  const auto at = sessions_.find(static_cast<const Session*>(gone));
  if (const auto other = at == sessions_.end() ? nullptr : at->second.lock()) {
    net::post(other->connection->executor(), [other] {
      if (other->greeted) return;
      other->makes_room = true;
      other->connection->close();
    });
  }
  return true;
}

void Server::leave_half_open(const Session& session) {
  const MutexLock lock(crowd_->mutex);
  crowd_->half_open.leave(&session);
  stats_.half_open = crowd_->half_open.size();
}

// Counts what a connection holds for a frame that has not ended; where that is too much for all, some are told to go.
void Server::hold_frames(Session& session, std::size_t bytes, bool moved_on) {
  std::vector<const void*> gone;
  {
    const MutexLock lock(crowd_->mutex);
    gone = crowd_->frame_memory.hold(&session, bytes, moved_on);
    stats_.frame_bytes = crowd_->frame_memory.bytes();
  }
  if (gone.empty()) return;
  stats_.frames_cut += gone.size();
  const MutexLock lock(mutex_);
  for (const void* one : gone) {
    const auto at = sessions_.find(static_cast<const Session*>(one));
    if (const auto other = at == sessions_.end() ? nullptr : at->second.lock()) {
      net::post(other->connection->executor(), [other] {
        other->makes_room = true;
        other->connection->stop_reading();
      });
    }
  }
}

void Server::leave_frames(const Session& session) {
  const MutexLock lock(crowd_->mutex);
  crowd_->frame_memory.leave(&session);
  stats_.frame_bytes = crowd_->frame_memory.bytes();
}

std::vector<RefusedClient> Server::refused_clients() const {
  const MutexLock lock(crowd_->mutex);
  return crowd_->refused.list(Clock::system().wall());
}

// One line for the first refusal of an address, and one a minute for those that follow.
void Server::say_refused(const Session& session, std::string_view code, const std::string& reason) {
  const std::string& peer = session.connection->peer();
  const std::string address = address_of(peer);
  if (!session.client.host.empty()) {
    const MutexLock lock(crowd_->mutex);
    crowd_->refused.refused(session.client.host, address, code, reason, Clock::system().wall());
  }
  if (!crowd_->refusals.say(address, reason)) return;
  log::warn("ingest", "client refused",
            {{"host", session.client.host.empty() ? "unknown" : session.client.host},
             {"address", peer},
             {"code", code},
             {"reason", reason}});
}

void Server::notify(const std::string& host, const std::string& text) {
  {
    const MutexLock lock(crowd_->mutex);
    if (!crowd_->notices.say(host, text, steady_clock::now())) return;
  }
  send_notice(host, text);
}

void Server::send_notice(const std::string& host, const std::string& text) {
  std::shared_ptr<Session> session;
  {
    const MutexLock lock(mutex_);
    if (const auto it = names_.find(host); it != names_.end()) session = it->second.lock();
  }
  if (!session) return;
  net::post(session->connection->executor(), [this, session, text] {
    if (!session->greeted || session->said_goodbye) return;
    wire::encode_notice(std::string_view(text).substr(0, kMostNoticeBytes), session->out);
    start_writing(session);
  });
}

void Server::keep_schemas() {
  on_each_session([this](Session& session) {
    if (session.decoder) session.decoder->keep_schemas(schemas_.pin());
  });
}

// Between two batches: the session takes what has arrived, acknowledges it once it is durable, and says goodbye. What
// it has not read its client sends again, to whom it connects next.
void Server::end_aged() {
  if (options_.max_connection_age.count() == 0) return;
  const std::int64_t now = steady_clock::now().time_since_epoch().count();
  std::vector<std::shared_ptr<Session>> all;
  {
    const MutexLock lock(mutex_);
    all = everybody();
  }
  for (const auto& session : all) {
    const std::int64_t leave_at = session->leave_at;
    if (leave_at == 0 || now < leave_at) continue;
    session->leave_at = 0;
    net::post(session->connection->executor(), [this, session] {
      if (session->told_to_go.exchange(true)) return;
      session->aged = true;
      ++stats_.aged;
      session->connection->stop_reading();
    });
  }
}

void Server::report_repeats() {
  std::vector<Repeats::Summary> notices;
  std::vector<Repeats::Summary> clocks;
  {
    const MutexLock lock(crowd_->mutex);
    notices = crowd_->notices.due(steady_clock::now());
    clocks = crowd_->clocks.due(steady_clock::now());
  }
  for (const Repeats::Summary& one : clocks)
    log::warn("ingest", "client's clock differs, again in the last minute",
              {{"host", one.key}, {"times", one.times}, {"last_host", one.last_text}});
  for (const Repeats::Summary& one : notices) send_notice(one.key, one.last_text);  // it goes on
  crowd_->refusals.report();
}

// The observer hears of a name's coming and going under the lock: a connection that another has replaced must not take
// the name down after its successor brought it up.
void Server::tell_observer(const std::shared_ptr<Session>& session) {
  MutexLock lock(mutex_);
  if (const auto it = names_.find(session->client.host); it != names_.end() && it->second.lock() == session)
    observer_.connected(session->client);
}

void Server::leave(const std::shared_ptr<Session>& session) {
  end_questions(*session);
  leave_half_open(*session);
  leave_frames(*session);
  MutexLock lock(mutex_);
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

// It was greeted: it counts, and others know of it.
void Server::welcome_in(const std::shared_ptr<Session>& session) {
  Session& s = *session;
  if (options_.max_connection_age.count() > 0) {
    static thread_local std::mt19937_64 random{std::random_device()()};
    const std::int64_t most = options_.max_connection_age.count();
    s.leave_at = steady_clock::now().time_since_epoch().count() +
                 std::uniform_int_distribution<std::int64_t>(most / 3, most)(random);
  }
  leave_half_open(s);
  ++(s.lines ? stats_.line_connections : stats_.clients);
  tell_observer(session);
  {
    const MutexLock lock(crowd_->mutex);
    crowd_->refused.let_in(s.client.host, address_of(s.connection->peer()));
  }
  log::info("ingest", s.lines ? "client connected for its log lines" : "client connected",
            {{"host", s.client.host},
             {"address", s.client.address},
             {"software", s.client.software},
             {"tls", options_.tls != nullptr},
             {"resume_from", s.resumed_after + 1}});
}

asio::awaitable<void> Server::serve(std::shared_ptr<Session> session) {
  Session& s = *session;
  Status status = co_await s.connection->handshake(options_.hello_timeout);
  const bool secure = status.has_value();
  if (status.has_value()) status = co_await greet(session);
  const bool greeted = status.has_value();
  if (greeted) {
    s.greeted = true;
    welcome_in(session);
    status = co_await receive(session);
    --(s.lines ? stats_.line_connections : stats_.clients);
  } else if (s.makes_room) {
    co_return;  // counted as turned away
  } else if (!s.told_to_go) {
    ++stats_.refused;
  }

  if (status.has_value() || s.told_to_go) {
    log::info("ingest", s.lines ? "client disconnected its log lines" : "client disconnected",
              {{"host", s.client.host.empty() ? "unknown" : s.client.host},
               {"address", s.connection->peer()},
               {"reason", s.aged           ? "maximum age"
                          : s.told_to_go   ? "told to go"
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
    say_refused(s, secure ? refuse_name(code) : std::string_view("tls"),
                s.token_of.empty() ? error.message : error.message + " (it is the token of '" + s.token_of + "')");
  if (!lost && secure) {
    co_await settle(session, std::chrono::seconds(2));
    std::string out;
    wire::encode(wire::Refuse{code, error.message, code == wire::RefuseCode::kNameInUse ? 10'000'000'000U : 0U}, out);
    if (Status told = co_await s.connection->write(out, std::chrono::seconds(2)); told.has_value())
      co_await s.connection->close_gently(std::chrono::seconds(1));
  }
  s.connection->close();
}

}  // namespace resmon::ingest
