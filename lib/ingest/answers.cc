#include "ingest/answers.h"

#include <algorithm>

#include "ingest/session.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr auto kGoodbyePatience = std::chrono::seconds(5);

}  // namespace

// One request for all that came with one read; the newest tells for those before.
void Answers::acknowledge_when_durable(const std::shared_ptr<Session>& session) {
  if (!std::exchange(session->taken.owes, false)) return;
  if (session->lines) return acknowledge_lines(session);
  const auto done = [this, weak = std::weak_ptr<Session>(session), stream = session->stream,
                     sequence = session->taken.sequence, refused = session->taken.refused] {
    log_.acknowledge(*stream->log, sequence);
    const std::shared_ptr<Session> s = weak.lock();
    if (!s) return;
    s->outbox.ack = std::max(s->outbox.ack, sequence);
    s->outbox.ack_refused = std::max(s->outbox.ack_refused, refused);
    s->outbox.ack_due = true;
    start_writing(s);
  };
  session->lane->wait(session->taken.position, done, std::weak_ptr<const void>(session));
}

void Answers::start_writing(const std::shared_ptr<Session>& session) {
  if (std::exchange(session->outbox.writing, true)) return;
  net::start(session->connection->executor(), write_out(session, options_.write_timeout));
}

// Writes until nothing is due. A client that does not read its answers for the length of the timeout is hung up on.
asio::awaitable<void> Answers::write_out(std::shared_ptr<Session> session, net::Timeout timeout) {
  Session& s = *session;
  std::string out;
  while (true) {
    out.clear();
    out.swap(s.outbox.frames);
    if (std::exchange(s.outbox.ack_due, false)) {
      s.outbox.said = s.outbox.ack;
      wire::encode(wire::Ack{s.outbox.ack, s.outbox.ack_refused}, out);
    }
    if (out.empty()) break;
    if (const Status written = co_await s.connection->write(out, timeout); !written) {
      s.outbox.frames.clear();
      s.connection->close();  // the reader reports it
      break;
    }
  }
  s.outbox.writing = false;
  if (s.outbox.settled) s.outbox.settled->cancel();
}

asio::awaitable<void> Answers::settle(std::shared_ptr<Session> session, net::Timeout patience) {
  Session& s = *session;
  if (!s.outbox.writing) co_return;
  s.outbox.settled.emplace(s.connection->executor());
  s.outbox.settled->expires_after(patience);
  co_await net::wait(*s.outbox.settled);
  s.outbox.settled.reset();
  if (s.outbox.writing) s.connection->close();
}

asio::awaitable<void> Answers::settle_last_batches(std::shared_ptr<Session> session) {
  Session& s = *session;
  asio::steady_timer pause(s.connection->executor());
  const auto until =
      steady_clock::now() + (s.ending.said_goodbye || s.ending.aged ? kGoodbyePatience : std::chrono::seconds(1));
  while (s.taken.position > durable_position(s) && steady_clock::now() < until) {
    pause.expires_after(std::chrono::milliseconds(5));
    co_await net::wait(pause);
  }
  if (s.taken.sequence > s.outbox.said && s.taken.position <= durable_position(s)) {
    s.outbox.ack = std::max(s.outbox.ack, s.taken.sequence);
    s.outbox.ack_refused = s.taken.refused;
    s.outbox.ack_due = true;
    start_writing(session);
  }
  co_await settle(session, std::chrono::seconds(2));
}

std::uint64_t Answers::durable_position(const Session& session) const {
  return session.lines ? options_.lines->durable_position() : log_.durable_position();
}

void Answers::acknowledge_lines(const std::shared_ptr<Session>& session) {
  const auto executor = session->connection->executor();
  options_.lines->when_durable(session->taken.position, [this, executor, weak = std::weak_ptr<Session>(session),
                                                         sequence = session->taken.sequence] {
    net::post(executor, [this, weak, sequence] {
      const std::shared_ptr<Session> s = weak.lock();
      if (!s) return;
      s->outbox.ack = std::max(s->outbox.ack, sequence);
      s->outbox.ack_due = true;
      start_writing(s);
    });
  });
}

}  // namespace resmon::ingest
