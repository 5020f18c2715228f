#include "ingest/greeting.h"

#include <algorithm>

#include "base/log.h"
#include "ingest/crowd.h"
#include "ingest/session.h"
#include "ingest/session_table.h"
#include "net/spawn.h"

namespace resmon::ingest {

asio::awaitable<Status> Greeter::greet(std::shared_ptr<Session> session) {
  Session& s = *session;
  auto read = co_await read_hello(session);
  if (!read) co_return fail(std::move(read).error());
  const wire::Hello& hello = *read;
  if (hello.oldest_version > wire::kProtocolVersion || hello.newest_version < wire::kProtocolVersion)
    co_return fail(ErrorKind::kUnsupported, "the client speaks protocol versions " +
                                                std::to_string(hello.oldest_version) + " to " +
                                                std::to_string(hello.newest_version) + ", this server " +
                                                std::to_string(wire::kProtocolVersion));
  s.client.address = s.connection->peer();
  s.client.software = hello.software;
  s.client.interval = std::chrono::nanoseconds(
      static_cast<std::int64_t>(std::min<std::uint64_t>(hello.interval_ns, 86'400'000'000'000)));
  s.client.tags = hello.tags;
  s.client.host = hello.client;
  if (Status admitted = admit(s, hello); !admitted) co_return admitted;
  s.hear();
  if (hello.carries == wire::Carries::kLines) co_return co_await greet_lines(session, hello);
  if (Status claimed = table_.claim(session, hello, log_); !claimed) co_return claimed;
  note_clock(s, hello);
  log_.acknowledged_elsewhere(*s.stream->log, hello.acknowledged);
  const wire::Welcome answer = welcome(log_.acknowledged(*s.stream->log));
  make_decoder(s, hello);

  s.resumed_after = s.taken.sequence = s.outbox.ack = s.outbox.said = answer.acknowledged;
  s.lane = log_.lane(s.connection->executor());
  std::string out;
  wire::encode(answer, out);
  co_return co_await s.connection->write(out, options_.write_timeout);
}

asio::awaitable<Result<wire::Hello>> Greeter::read_hello(std::shared_ptr<Session> session) {
  Session& s = *session;
  const auto deadline = steady_clock::now() + options_.hello_timeout;
  std::vector<char> buffer(kFirstBufferBytes);
  std::optional<wire::Frame> frame;
  while (!frame) {
    auto next = s.frames.next();
    if (!next) {
      s.ending.refuse = wire::RefuseCode::kNotHello;
      co_return fail(ErrorKind::kInvalid, "does not speak resmon's protocol: " + next.error().message);
    }
    frame = *next;
    if (frame) break;
    auto got = co_await s.connection->read_some(buffer, deadline - steady_clock::now());
    if (!got || *got == 0) {
      s.ending.refuse = wire::RefuseCode::kNotHello;
      co_return fail(ErrorKind::kUnavailable,
                     "no HELLO: " + (got ? std::string("connection closed") : got.error().message));
    }
    stats_.received_bytes += *got;
    s.frames.append(std::string_view(buffer.data(), *got));
  }
  if (frame->type != static_cast<std::uint8_t>(wire::FrameType::kHello)) {
    s.ending.refuse = wire::RefuseCode::kNotHello;
    co_return fail(ErrorKind::kInvalid, "the first frame is of type " + std::to_string(frame->type) + ", not HELLO");
  }
  auto decoded = wire::decode_hello(frame->payload);
  if (!decoded) {
    s.ending.refuse = wire::RefuseCode::kMalformed;
    co_return fail(std::move(decoded).error());
  }
  co_return std::move(*decoded);
}

// Its token, and whether there is room for it.
Status Greeter::admit(Session& s, const wire::Hello& hello) {
  const net::TokenSet::Digest token = net::TokenSet::digest(hello.token);
  switch (admission(token, hello.client)) {
    case net::Admission::kYes:
      break;
    case net::Admission::kUnknownToken:
      s.ending.refuse = wire::RefuseCode::kToken;
      return fail(ErrorKind::kDenied, hello.token.empty() ? "no token" : "unknown token");
    case net::Admission::kOtherName:
      // Whoever found or copied a token does not learn from us whose it is.
      s.ending.refuse = wire::RefuseCode::kWrongName;
      s.ending.token_of = tokens_.get()->name_of(token);
      return fail(ErrorKind::kDenied, "this token is for a client of another name than '" + hello.client +
                                          "'; set client.host to that name, or get a token for this one");
  }
  s.token = token;
  if (stopping_) {
    s.ending.refuse = wire::RefuseCode::kStopping;
    return fail(ErrorKind::kUnavailable, "the server is stopping");
  }
  if (stats_.clients.load() >= options_.max_clients) {
    s.ending.refuse = wire::RefuseCode::kLimit;
    return fail(ErrorKind::kLimit,
                "the server's limit of " + std::to_string(options_.max_clients) + " clients is reached");
  }
  return {};
}

void Greeter::note_clock(Session& s, const wire::Hello& hello) {
  const auto skew = static_cast<std::int64_t>(static_cast<std::uint64_t>(hello.clock) -
                                              static_cast<std::uint64_t>(Clock::system().wall()));
  s.client.clock_skew = std::chrono::nanoseconds(skew);
  if (skew <= kSkewWorthALine && skew >= -kSkewWorthALine) return;
  ++stats_.skewed_clients;
  if (!crowd_.may_tell_of_clock(hello.client)) return;
  log::warn("ingest", "client's clock differs",
            {{"host", hello.client}, {"skew_seconds", static_cast<double>(skew) / 1e9}});
}

// The session's schemas have the client's tags.
void Greeter::make_decoder(Session& s, const wire::Hello& hello) {
  std::vector<metric::Tag> tags = hello.tags;
  tags.push_back({"host", hello.client});
  metric::normalise_tags(tags);
  s.tags = std::move(tags);
  Session* const raw = &s;  // the decoder is the session's own
  const auto intern = [this, raw](metric::Schema schema) {
    if (schema.tags.empty()) {
      schema.tags = raw->tags;
    } else {
      for (const metric::Tag& tag : raw->tags) schema.tags.push_back(tag);
      metric::normalise_tags(schema.tags);
    }
    return schemas_.intern(std::move(schema));
  };
  s.decoder = std::make_unique<wire::SampleDecoder>(options_.decoder, intern);
  s.decoder->watch(schemas_);
  s.frames.set_max_frame_bytes(options_.max_frame_bytes);
}

wire::Welcome Greeter::welcome(std::uint64_t acknowledged) const {
  wire::Welcome message;
  message.acknowledged = acknowledged;
  message.clock = Clock::system().wall();
  message.max_frame_bytes = options_.max_frame_bytes;
  message.max_series = options_.decoder.max_series;
  message.idle_timeout_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(options_.idle_timeout).count());
  message.software = options_.software;
  return message;
}

asio::awaitable<Status> Greeter::greet_lines(std::shared_ptr<Session> session, const wire::Hello& hello) {
  Session& s = *session;
  if (options_.lines == nullptr) {
    s.ending.refuse = wire::RefuseCode::kLimit;
    co_return fail(ErrorKind::kLimit, "this server keeps no logs");
  }
  s.lines = std::make_unique<wire::LinesDecoder>();
  s.line_stream = hello.stream;
  s.frames.set_max_frame_bytes(options_.max_frame_bytes);
  const wire::Welcome answer = welcome(options_.lines->acknowledged(hello.stream));
  s.resumed_after = s.taken.sequence = s.outbox.ack = s.outbox.said = answer.acknowledged;
  std::string out;
  wire::encode(answer, out);
  co_return co_await s.connection->write(out, options_.write_timeout);
}

net::Admission Greeter::admission(const net::TokenSet::Digest& token, std::string_view host) const {
  if (options_.also_lets_in && options_.also_lets_in(token)) return net::Admission::kYes;
  return tokens_.get()->admission(token, host);
}

}  // namespace resmon::ingest
