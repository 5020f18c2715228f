// Connections for log lines: beside a client's other one, so that a flood of lines holds up no sample. They claim no
// name and are no session of the fleet.

#include "ingest/session.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr auto kFullTakerPause = std::chrono::milliseconds(100);

}  // namespace

// What is no encoding of lines never reaches the taker. While the taker has no room nothing is read, so TCP holds back
// what follows.
asio::awaitable<Status> Server::take_lines(std::shared_ptr<Session> session, std::string_view payload) {
  Session& s = *session;
  const auto frame = s.lines->decode(payload);
  if (!frame) co_return fail(frame.error());
  if (frame->sequence <= s.taken.sequence && s.taken.position > 0)
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
      s.taken.sequence = std::max(s.taken.sequence, frame->sequence);
      s.taken.position = std::max(s.taken.position, *position);
      s.taken.owes = true;
      co_return Status();
    }
    if (position.error().kind != ErrorKind::kUnavailable) co_return fail(position.error());
    s.hear();
    pause.expires_after(kFullTakerPause);
    co_await net::wait(pause);
    if (stopping_ || s.ending.told_to_go)
      co_return fail(ErrorKind::kUnavailable, "gone before there was room for its lines");
  }
}

}  // namespace resmon::ingest
