// Connections for log lines: beside a client's other one, so that a flood of lines holds up no sample. They claim no
// name and are no session of the fleet.

#include "ingest/server_internal.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr auto kFullTakerPause = std::chrono::milliseconds(100);

}  // namespace

asio::awaitable<Status> Server::greet_lines(std::shared_ptr<Session> session, const wire::Hello& hello) {
  Session& s = *session;
  if (options_.lines == nullptr) {
    s.refuse = wire::RefuseCode::kLimit;
    co_return fail(ErrorKind::kLimit, "this server keeps no logs");
  }
  s.lines = std::make_unique<wire::LinesDecoder>();
  s.line_stream = hello.stream;
  s.frames.set_max_frame_bytes(options_.max_frame_bytes);
  const wire::Welcome answer = welcome(options_.lines->acknowledged(hello.stream));
  s.resumed_after = s.sequence = s.ack = s.said = answer.acknowledged;
  std::string out;
  wire::encode(answer, out);
  co_return co_await s.connection->write(out, options_.write_timeout);
}

std::uint64_t Server::durable_position(const Session& session) const {
  return session.lines ? options_.lines->durable_position() : log_.durable_position();
}

// What is no encoding of lines never reaches the taker. While the taker has no room nothing is read, so TCP holds back
// what follows.
asio::awaitable<Status> Server::take_lines(std::shared_ptr<Session> session, std::string_view payload) {
  Session& s = *session;
  const auto frame = s.lines->decode(payload);
  if (!frame) co_return fail(frame.error());
  if (frame->sequence <= s.sequence && s.position > 0)
    co_return fail(ErrorKind::kInvalid, "LINES frame: its number is not above the one before");
  logline::Lines lines;
  if (Status decoded = logline::decode(frame->body, lines); !decoded) co_return decoded;
  ++stats_.line_batches;
  stats_.lines += lines.size();
  asio::steady_timer pause(s.connection->executor());
  while (true) {
    const auto position =
        options_.lines->append(s.line_stream, frame->sequence, s.client.host, frame->body, Clock::system().wall());
    if (position) {
      s.sequence = std::max(s.sequence, frame->sequence);
      s.position = std::max(s.position, *position);
      s.owes = true;
      co_return Status();
    }
    if (position.error().kind != ErrorKind::kUnavailable) co_return fail(position.error());
    s.hear();
    pause.expires_after(kFullTakerPause);
    co_await net::wait(pause);
    if (stopping_ || s.told_to_go) co_return fail(ErrorKind::kUnavailable, "gone before there was room for its lines");
  }
}

void Server::acknowledge_lines(const std::shared_ptr<Session>& session) {
  const auto executor = session->connection->executor();
  options_.lines->when_durable(session->position,
                               [this, executor, weak = std::weak_ptr<Session>(session), sequence = session->sequence] {
                                 net::post(executor, [this, weak, sequence] {
                                   const std::shared_ptr<Session> s = weak.lock();
                                   if (!s) return;
                                   s->ack = std::max(s->ack, sequence);
                                   s->ack_due = true;
                                   start_writing(s);
                                 });
                               });
}

}  // namespace resmon::ingest
