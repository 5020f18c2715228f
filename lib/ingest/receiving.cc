// A session reads what has arrived, decodes every whole frame of it, appends the batches to the log, and reads on. What
// it owes the client (acknowledgements when they are durable, answers to PING) is written by a second coroutine that
// exists only while there is something to write (answers.h): ten thousand clients that wait for the next sync cost no
// coroutine each, and one sync acknowledges for all of them by one look through a list on each io context
// (DurableLane).
//
// Exactly once: sequence numbers count within a stream (one life of a client's spool). The log knows the last one of
// each stream; what is not above it was taken before and is dropped. Only what is durable is acknowledged: what was
// appended and then lost with the process is not, and comes again. A stream has one owner at a time; a connection that

#include <algorithm>

#include "base/log.h"
#include "ingest/answers.h"
#include "ingest/crowd.h"
#include "ingest/sample_intake.h"
#include "ingest/session.h"
#include "ingest/session_table.h"
#include "net/spawn.h"

namespace resmon::ingest {

asio::awaitable<Status> Server::receive(std::shared_ptr<Session> session) {
  Session& s = *session;
  std::vector<char> buffer(kFirstBufferBytes);
  while (true) {
    if (Status taken = co_await take_frames(session); !taken) co_return taken;
    answers_->acknowledge_when_durable(session);
    if (s.ending.said_goodbye || s.ending.told_to_go || s.ending.token_revoked)
      co_await answers_->settle_last_batches(session);
    if (s.ending.said_goodbye) co_return Status();
    if (s.ending.token_revoked) {
      s.ending.refuse = wire::RefuseCode::kToken;
      co_return fail(ErrorKind::kDenied, "its token was taken back");
    }
    if (s.ending.told_to_go) co_return co_await send_goodbye(session);
    if (s.frames.buffered_bytes() == 0) s.frames.release();
    table_->cut(crowd_->hold_frames(&s,
                                    s.frames.memory_bytes() + (buffer.size() > kFirstBufferBytes ? buffer.size() : 0),
                                    std::exchange(s.frame_ended, false)));
    auto got = co_await s.connection->read_some(buffer, options_.idle_timeout);
    if (!got) co_return fail(std::move(got).error());
    if (s.ending.makes_room) {
      s.ending.refuse = wire::RefuseCode::kBusy;
      co_return fail(ErrorKind::kUnavailable, "too many bytes of unfinished frames on all connections; try again");
    }
    if (*got == 0 && (s.ending.told_to_go || s.ending.token_revoked)) continue;
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
      wire::encode_ping(wire::FrameType::kPong, *ping, s.outbox.frames);
      answers_->start_writing(session);
      // A flood of pings waits until its answers are taken.
      if (s.outbox.frames.size() > kMostBufferBytes) co_await answers_->settle(session, options_.write_timeout);
      continue;
    }
    Status taken = co_await take_frame(session, **frame);
    if (!taken) {
      answers_->acknowledge_when_durable(session);
      co_return taken;
    }
    if (s.ending.said_goodbye) break;
  }
  if (heard) {
    s.hear();
    if (!s.lines) observer_.heard_from(s.client.host);
  }
  co_return Status();
}

asio::awaitable<Status> Server::send_goodbye(std::shared_ptr<Session> session) {
  Session& s = *session;
  std::string out;
  const bool come_back = s.ending.aged && !stopping_;
  wire::encode_goodbye(come_back   ? "this connection has reached its maximum age"
                       : stopping_ ? "the server is stopping"
                                   : "a newer connection took over",
                       out, come_back);
  co_return co_await s.connection->write(out, std::chrono::seconds(1));
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
      Status decoded = samples_->decode(s, frame.payload);
      s.taken.owes = true;
      Status appended = co_await samples_->append(session);
      co_return decoded.has_value() ? appended : decoded;
    }
    case wire::FrameType::kGoodbye:
      s.ending.said_goodbye = true;
      co_return Status();
    case wire::FrameType::kHello:
      co_return fail(ErrorKind::kInvalid, "a second HELLO");
    default:
      co_return Status();  // a later version's frame
  }
}

}  // namespace resmon::ingest
