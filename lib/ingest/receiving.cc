// A session reads what has arrived, decodes every whole frame of it, appends the batches to the log, and reads on. What
// it owes the client (acknowledgements when they are durable, answers to PING) is written by a second coroutine that
// exists only while there is something to write: ten thousand clients that wait for the next sync cost no coroutine
// each, and one sync acknowledges for all of them by one look through a list on each io context (DurableLane).
//
// Exactly once: sequence numbers count within a stream (one life of a client's spool). The log knows the last one of
// each stream; what is not above it was taken before and is dropped. Only what is durable is acknowledged: what was
// appended and then lost with the process is not, and comes again. A stream has one owner at a time; a connection that

#include <algorithm>

#include "base/log.h"
#include "ingest/rows.h"
#include "ingest/server_internal.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr std::size_t kMostBufferBytes = 256U << 10U;
constexpr auto kFullLogPause = std::chrono::milliseconds(50);
constexpr std::size_t kPendingCells = 32'768;  // batches of one frame are joined up to this many
constexpr auto kGoodbyePatience = std::chrono::seconds(5);

}  // namespace

asio::awaitable<Status> Server::receive(std::shared_ptr<Session> session) {
  Session& s = *session;
  std::vector<char> buffer(kFirstBufferBytes);
  while (true) {
    if (Status taken = co_await take_frames(session); !taken) co_return taken;
    acknowledge_when_durable(session);
    if (s.said_goodbye || s.told_to_go || s.token_revoked) co_await settle_last_batches(session);
    if (s.said_goodbye) co_return Status();
    if (s.token_revoked) {
      s.refuse = wire::RefuseCode::kToken;
      co_return fail(ErrorKind::kDenied, "its token was taken back");
    }
    if (s.told_to_go) co_return co_await send_goodbye(session);
    if (s.frames.buffered_bytes() == 0) s.frames.release();
    hold_frames(s, s.frames.memory_bytes() + (buffer.size() > kFirstBufferBytes ? buffer.size() : 0),
                std::exchange(s.frame_ended, false));
    auto got = co_await s.connection->read_some(buffer, options_.idle_timeout);
    if (!got) co_return fail(std::move(got).error());
    if (s.makes_room) {
      s.refuse = wire::RefuseCode::kBusy;
      co_return fail(ErrorKind::kUnavailable, "too many bytes of unfinished frames on all connections; try again");
    }
    if (*got == 0 && (s.told_to_go || s.token_revoked)) continue;
    if (*got == 0) co_return Status();
    stats_.received_bytes += *got;
    s.frames.append(std::string_view(buffer.data(), *got));
    if (s.decoder) s.decoder->keep_schemas(schemas_.pin());  // also while a client only says PING
    if (*got == buffer.size() && buffer.size() < kMostBufferBytes)
      buffer.resize(buffer.size() * 4);
    else if (*got < kFirstBufferBytes && buffer.size() > kFirstBufferBytes)
      std::vector<char>(kFirstBufferBytes).swap(buffer);
  }
}

// All that have arrived whole.
asio::awaitable<Status> Server::take_frames(std::shared_ptr<Session> session) {
  Session& s = *session;
  bool heard = false;
  while (true) {
    auto frame = s.frames.next();
    if (!frame) co_return fail(std::move(frame).error());
    if (!*frame) break;
    heard = s.frame_ended = true;
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
    if (!s.lines) observer_.heard_from(s.client.host);
  }
  co_return Status();
}

// Its last batches are about to be durable.
asio::awaitable<void> Server::settle_last_batches(std::shared_ptr<Session> session) {
  Session& s = *session;
  asio::steady_timer pause(s.connection->executor());
  const auto until = steady_clock::now() + (s.said_goodbye || s.aged ? kGoodbyePatience : std::chrono::seconds(1));
  while (s.position > durable_position(s) && steady_clock::now() < until) {
    pause.expires_after(std::chrono::milliseconds(5));
    co_await net::wait(pause);
  }
  if (s.sequence > s.said && s.position <= durable_position(s)) {
    s.ack = std::max(s.ack, s.sequence);
    s.ack_refused = s.refused;
    s.ack_due = true;
    start_writing(session);
  }
  co_await settle(session, std::chrono::seconds(2));
}

asio::awaitable<Status> Server::send_goodbye(std::shared_ptr<Session> session) {
  Session& s = *session;
  std::string out;
  const bool come_back = s.aged && !stopping_;
  wire::encode_goodbye(come_back   ? "this connection has reached its maximum age"
                       : stopping_ ? "the server is stopping"
                                   : "a newer connection took over",
                       out, come_back);
  co_return co_await s.connection->write(out, std::chrono::seconds(1));
}

// One request for all that came with one read; the newest tells for those before.
void Server::acknowledge_when_durable(const std::shared_ptr<Session>& session) {
  if (!std::exchange(session->owes, false)) return;
  if (session->lines) return acknowledge_lines(session);
  const auto done = [this, weak = std::weak_ptr<Session>(session), stream = session->stream,
                     sequence = session->sequence, refused = session->refused] {
    log_.acknowledge(*stream->log, sequence);
    const std::shared_ptr<Session> s = weak.lock();
    if (!s) return;
    s->ack = std::max(s->ack, sequence);
    s->ack_refused = std::max(s->ack_refused, refused);
    s->ack_due = true;
    start_writing(s);
  };
  session->lane->wait(session->position, done, std::weak_ptr<const void>(session));
}

void Server::start_writing(const std::shared_ptr<Session>& session) {
  if (std::exchange(session->writing, true)) return;
  net::start(session->connection->executor(), write_out(session, options_.write_timeout));
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
      wire::encode(wire::Ack{s.ack, s.ack_refused}, out);
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
  co_await net::wait(*s.settled);
  s.settled.reset();
  if (s.writing) s.connection->close();
}

asio::awaitable<Status> Server::take_frame(std::shared_ptr<Session> session, wire::Frame frame) {
  Session& s = *session;
  const auto type = static_cast<wire::FrameType>(frame.type);
  if (s.lines ? type == wire::FrameType::kSchema || type == wire::FrameType::kSamples : type == wire::FrameType::kLines)
    co_return fail(ErrorKind::kInvalid, s.lines ? "samples on a connection that carries lines"
                                                : "lines on a connection that carries samples");
  if (type == wire::kAnswerFrame) co_return take_answer(s, frame.payload);
  switch (type) {
    case wire::FrameType::kLines:
      co_return co_await take_lines(session, frame.payload);
    case wire::FrameType::kSchema:
      co_return s.decoder->decode_schema(frame.payload);
    case wire::FrameType::kSamples: {
      Status decoded = decode_samples(s, frame.payload);
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

// Into `pending`, also what came before an error.
Status Server::decode_samples(Session& s, std::string_view payload) {
  const metric::SchemaPin pin = schemas_.pin();
  s.decoder->keep_schemas(pin);
  Pending open;
  open.batch.pin(pin);
  const auto put_by = [&] {
    s.pending.push_back(std::move(open));
    open = Pending();
    open.batch.pin(pin);
  };
  Status decoded = s.decoder->append_samples(payload, open.batch, [&](std::uint64_t sequence, metric::Batch& batch) {
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
  return decoded;
}

asio::awaitable<Status> Server::append_pending(std::shared_ptr<Session> session) {
  Session& s = *session;
  asio::steady_timer pause(s.connection->executor());
  for (Pending& pending : s.pending) {
    // What comes again was looked at the first time.
    if (skip_taken(s, pending)) {
      drop_strays(s, pending, Clock::system().wall());
      if (options_.rules) options_.rules(pending.batch, pending.row_ends);
      drop_what_has_no_room(s, pending);
    }
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
      co_await net::wait(pause);
      for (Pending& waiting : s.pending) waiting.batch.renew_pin();
      s.decoder->keep_schemas(schemas_.pin());
      if (stopping_ || s.told_to_go) {
        s.pending.clear();
        co_return fail(ErrorKind::kUnavailable, "gone before the log had room");
      }
    }
  }
  s.pending.clear();
  co_return Status();
}

// Leaves out batches that were taken already, sent again in other portions than the first time. False: all were.
bool Server::skip_taken(Session& s, Pending& pending) {
  const MutexLock lock(s.stream->mutex);
  const std::uint64_t last = log_.last_of(*s.stream->log).first;
  if (pending.last <= last) return false;
  if (pending.first > last) return true;
  const std::size_t skip = last - pending.first + 1;
  const std::size_t from = pending.row_ends[skip - 1];
  pending.batch = copy_rows(schemas_, pending.batch, row_range(from, pending.batch.rows().size()));
  pending.row_ends.erase(pending.row_ends.begin(), pending.row_ends.begin() + static_cast<std::ptrdiff_t>(skip));
  for (std::size_t& end : pending.row_ends) end -= from;
  pending.first = last + 1;
  stats_.duplicate_batches += skip;
  return true;
}

// False: there is no room now.
Result<bool> Server::append_once(Session& s, Pending& pending) {
  MutexLock lock(s.stream->mutex);
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
  const auto appended = log_.append(*s.stream->log, pending.first, pending.last, pending.batch, Clock::system().wall());
  if (!appended) {
    if (appended.error().kind != ErrorKind::kLimit) return false;
    // It will never go, and what follows must not wait for it.
    const std::string reason = "larger than a record of the journal: " + appended.error().message;
    set_aside(s, pending.batch, reason);
    pending.batch.clear();
    return false;  // and again without its rows
  }
  stats_.missing_batches += appended->missing;
  stats_.batches += pending.row_ends.size();
  stats_.samples += pending.batch.samples();
  seen(pending.last, appended->position);
  return true;
}

void Server::set_aside(Session& s, const metric::Batch& rows, const std::string& reason) {
  stats_.refused_samples += rows.samples();
  s.refused += rows.samples();
  observer_.set_aside(s.client.host, rows, reason);
  notify(s.client.host,
         std::to_string(rows.samples()) + " samples were refused and set aside on the server: " + reason);
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
  std::vector<std::size_t> bad;
  for (std::size_t i = 0; i < pending.batch.rows().size(); ++i)
    if (!believed.has(pending.batch.rows()[i].time)) bad.push_back(i);
  refuse_rows(s, pending, bad, "its time is too far from the server's clock");
}

// Before the acknowledgement, which says how many there were: the client would wait for ever for room, and all that
// follows with it, so it must not keep them, and must not take them for stored either.
void Server::drop_what_has_no_room(Session& s, Pending& pending) {
  if (!options_.find_no_room) return;
  std::vector<std::size_t> rows;
  const std::string reason = options_.find_no_room(pending.batch, rows);
  if (!rows.empty()) refuse_rows(s, pending, rows, reason);
}

void Server::refuse_rows(Session& s, Pending& pending, const std::vector<std::size_t>& rows,
                         const std::string& reason) {
  std::vector<std::size_t> good;
  std::vector<std::size_t> ends;
  auto bad = rows.begin();
  auto end = pending.row_ends.begin();
  for (std::size_t i = 0; i < pending.batch.rows().size(); ++i) {
    for (; end != pending.row_ends.end() && *end <= i; ++end) ends.push_back(good.size());
    if (bad != rows.end() && *bad == i)
      ++bad;
    else
      good.push_back(i);
  }
  ends.resize(pending.row_ends.size(), good.size());
  const metric::Batch refused = copy_rows(schemas_, pending.batch, rows);
  pending.batch = copy_rows(schemas_, pending.batch, good);
  pending.row_ends = std::move(ends);
  set_aside(s, refused, reason);
}

}  // namespace resmon::ingest
