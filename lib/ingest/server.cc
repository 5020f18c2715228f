#include "ingest/server.h"

#include <algorithm>
#include <random>

#include "base/log.h"
#include "ingest/answers.h"
#include "ingest/crowd.h"
#include "ingest/greeting.h"
#include "ingest/sample_intake.h"
#include "ingest/session.h"
#include "ingest/session_table.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

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

}  // namespace

Server::Server(ServerOptions options, net::TokenSet tokens, metric::SchemaTable& schemas, Log& log, Observer& observer)
    : options_(std::move(options)),
      schemas_(schemas),
      observer_(observer),
      crowd_(std::make_unique<Crowd>(options_, stats_)),
      table_(std::make_unique<SessionTable>(observer)),
      greeter_(
          std::make_unique<Greeter>(options_, std::move(tokens), schemas, log, *table_, *crowd_, stats_, stopping_)),
      answers_(std::make_unique<Answers>(options_, log)),
      samples_(std::make_unique<SampleIntake>(
          options_, schemas, log, observer, stats_, stopping_,
          [this](const std::string& host, const std::string& text) { notify(host, text); })) {}

Server::~Server() = default;

void Server::accept(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
  const auto executor = socket.get_executor();
  if (!crowd_->may_enter(from.address())) return;
  auto session = std::make_shared<Session>(std::move(socket), options_.tls,
                                           net::to_string({from.address().to_string(), from.port()}));
  if (!table_->enter(session, from.address(), *crowd_)) return;
  ++stats_.connections;
  net::start(executor, serve(session), [this, session](const std::exception_ptr& error) {
    session->questions.end();
    crowd_->leave(session.get());
    table_->leave(session);
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      log::error("ingest", "session ended by an exception", {{"reason", e.what()}});
    }
  });
}

void Server::stop() {
  stopping_ = true;
  // A session that waits for bytes is woken by the end of its input and says goodbye itself, since only it may write;
  // one that is at work sees told_to_go when it comes back.
  for (const auto& session : table_->close()) {
    session->ending.told_to_go = true;
    net::post(session->connection->executor(), [session] {
      if (session->greeted)
        session->connection->stop_reading();
      else
        session->connection->close();
    });
  }
}

void Server::change_tokens(net::TokenSet tokens) {
  greeter_->change_tokens(std::move(tokens));
  check_tokens();
}

// Whoever is let in after this was let in by the new tokens.
void Server::check_tokens() {
  table_->on_each([this](Session& session) {
    if (!session.token || greeter_->admission(*session.token, session.client.host) == net::Admission::kYes) return;
    session.ending.token_revoked = true;
    session.connection->stop_reading();
  });
}

std::size_t Server::sessions() const {
  return table_->size();
}

std::vector<RefusedClient> Server::refused_clients() const {
  return crowd_->refused_clients();
}

void Server::notify(const std::string& host, const std::string& text) {
  if (crowd_->may_notify(host, text)) send_notice(host, text);
}

void Server::send_notice(const std::string& host, const std::string& text) {
  const std::shared_ptr<Session> session = table_->of(host);
  if (!session) return;
  net::post(session->connection->executor(), [this, session, text] {
    if (!session->greeted || session->ending.said_goodbye) return;
    wire::encode_notice(std::string_view(text).substr(0, kMostNoticeBytes), session->outbox.frames);
    answers_->start_writing(session);
  });
}

void Server::keep_schemas() {
  table_->on_each([this](Session& session) {
    if (session.decoder) session.decoder->keep_schemas(schemas_.pin());
  });
}

// Between two batches: the session takes what has arrived, acknowledges it once it is durable, and says goodbye. What
// it has not read its client sends again, to whom it connects next.
void Server::end_aged() {
  if (options_.max_connection_age.count() == 0) return;
  const std::int64_t now = steady_clock::now().time_since_epoch().count();
  for (const auto& session : table_->all()) {
    const std::int64_t leave_at = session->ending.leave_at;
    if (leave_at == 0 || now < leave_at) continue;
    session->ending.leave_at = 0;
    net::post(session->connection->executor(), [this, session] {
      if (session->ending.told_to_go.exchange(true)) return;
      session->ending.aged = true;
      ++stats_.aged;
      session->connection->stop_reading();
    });
  }
}

void Server::report_repeats() {
  for (const Repeats::Summary& one : crowd_->report_repeats()) send_notice(one.key, one.last_text);  // it goes on
}

// It was greeted: it counts, and others know of it.
void Server::welcome_in(const std::shared_ptr<Session>& session) {
  Session& s = *session;
  if (options_.max_connection_age.count() > 0) {
    static thread_local std::mt19937_64 random{std::random_device()()};
    const std::int64_t most = options_.max_connection_age.count();
    s.ending.leave_at = steady_clock::now().time_since_epoch().count() +
                        std::uniform_int_distribution<std::int64_t>(most / 3, most)(random);
  }
  crowd_->greeted(&s);
  ++(s.lines ? stats_.line_connections : stats_.clients);
  table_->tell_observer(session);
  crowd_->let_in(s.client.host, address_of(s.connection->peer()));
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
  if (status.has_value()) status = co_await greeter_->greet(session);
  const bool greeted = status.has_value();
  if (greeted) {
    s.greeted = true;
    welcome_in(session);
    status = co_await receive(session);
    --(s.lines ? stats_.line_connections : stats_.clients);
  } else if (s.ending.makes_room) {
    co_return;  // counted as turned away
  } else if (!s.ending.told_to_go) {
    ++stats_.refused;
  }

  if (status.has_value() || s.ending.told_to_go) {
    log::info("ingest", s.lines ? "client disconnected its log lines" : "client disconnected",
              {{"host", s.client.host.empty() ? "unknown" : s.client.host},
               {"address", s.connection->peer()},
               {"reason", s.ending.aged           ? "maximum age"
                          : s.ending.told_to_go   ? "told to go"
                          : s.ending.said_goodbye ? "goodbye"
                                                  : "end of stream"}});
    if (status.has_value() && s.ending.told_to_go) co_await s.connection->close_gently(std::chrono::milliseconds(500));
    s.connection->close();
    co_return;
  }
  const Error& error = status.error();
  const bool lost = greeted && error.kind == ErrorKind::kUnavailable && !s.ending.refuse;
  const wire::RefuseCode code = s.ending.refuse.value_or(code_of(error.kind));
  if (lost)
    log::warn("ingest", "client lost",
              {{"host", s.client.host}, {"address", s.connection->peer()}, {"reason", error.message}});
  else
    crowd_->refused(s.client.host, s.connection->peer(), secure ? refuse_name(code) : std::string_view("tls"),
                    s.ending.token_of.empty() ? error.message
                                              : error.message + " (it is the token of '" + s.ending.token_of + "')");
  if (!lost && secure) {
    co_await answers_->settle(session, std::chrono::seconds(2));
    std::string out;
    wire::encode(wire::Refuse{code, error.message, code == wire::RefuseCode::kNameInUse ? 10'000'000'000U : 0U}, out);
    if (Status told = co_await s.connection->write(out, std::chrono::seconds(2)); told.has_value())
      co_await s.connection->close_gently(std::chrono::seconds(1));
  }
  s.connection->close();
}

}  // namespace resmon::ingest
