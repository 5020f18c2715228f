#include "uplink/uplink.h"

// One connection is a greeting and then two coroutines: the sender encodes and writes; the receiver reads
// acknowledgements into members and wakes the sender. The sender ends the connection; the receiver only reports. Both
// run on one executor, so the members need no lock.
//
// Sending while catching up is by frames of many batches, bounded by the window: the server's acknowledgement of the
// oldest lets the next go. Nothing is sent out of order, so the server needs to remember one number for each stream.

#include <boost/asio/redirect_error.hpp>
#include <functional>

#include "base/clock.h"
#include "base/log.h"
#include "net/backoff.h"
#include "net/spawn.h"
#include "uplink/sample_outbox.h"

namespace resmon::uplink {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kMostControlBytes = 4096;  // PONGs that wait
constexpr std::size_t kMostAnswerBytes = 512U << 10U;
constexpr auto kGoodbyePatience =
    std::chrono::milliseconds(500);  // once for saying it, once for the server's end of stream
constexpr auto kLeastPingEvery = std::chrono::milliseconds(100);  // whatever a server asks for

Status refused(const wire::Refuse& refuse) {
  const bool denied = refuse.code == wire::RefuseCode::kToken || refuse.code == wire::RefuseCode::kWrongName;
  return fail(denied ? ErrorKind::kDenied : ErrorKind::kUnavailable,
              "the server refused: " + std::string(wire::refuse_name(refuse.code)) + ": " + refuse.reason);
}

}  // namespace

Uplink::Uplink(asio::any_io_executor executor, Options options, Outbox& outbox)
    : executor_(executor),
      options_(std::move(options)),
      outbox_(outbox),
      wake_(executor),
      stop_timer_(executor, steady_clock::time_point::max()) {}

Uplink::Uplink(asio::any_io_executor executor, Options options, Spool& spool, const metric::SchemaTable& schemas)
    : executor_(executor),
      options_(std::move(options)),
      owned_(std::make_unique<SampleOutbox>(spool, schemas)),
      outbox_(*owned_),
      wake_(executor),
      stop_timer_(executor, steady_clock::time_point::max()) {}

void Uplink::notify() {
  wake_.cancel();
}

void Uplink::change_token(std::string token) {
  if (token == options_.token) return;
  options_.token = std::move(token);
  token_changed_ = true;
  if (options_.log_connections) log::info("uplink", "the token has changed: reconnecting");
  if (const auto stream = stream_.lock()) stream->close();
  notify();
}

// One at a time: a server that asks faster than this connection can carry the answers has to ask again.
void Uplink::answer(const wire::ProcessList& list) {
  if (!stats_.connected || control_.size() > kMostControlBytes) return;
  wire::encode(list, std::min<std::size_t>(max_frame_bytes_, kMostAnswerBytes), control_);
  notify();
}

void Uplink::stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  stop_by_ = steady_clock::now() + patience;
  notify();
  // Before a greeting with nothing to send there is nothing to wait for; after it there is a goodbye to say.
  stop_timer_.expires_at(stats_.connected  ? stop_by_ + 2 * kGoodbyePatience
                         : outbox_.empty() ? steady_clock::now()
                                           : stop_by_);
  stop_timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    dialing_.abandon();
    if (const auto stream = stream_.lock()) stream->close();
  });
}

bool Uplink::drained() const {
  return outbox_.empty() || steady_clock::now() >= stop_by_;
}

asio::awaitable<void> Uplink::sleep_until(steady_clock::time_point when) {
  wake_.expires_at(when);
  co_await net::wait(wake_);
}

asio::awaitable<void> Uplink::wait_for_work() {
  while (options_.idle_close.count() > 0 && outbox_.empty() && !stopping_)
    co_await sleep_until(steady_clock::now() + std::chrono::hours(1));
}

asio::awaitable<void> Uplink::run() {
  const auto seed = static_cast<std::uint64_t>(outbox_.stream()[0]) << 8U | outbox_.stream()[1];
  net::Backoff backoff(options_.first_backoff, options_.most_backoff, seed);
  while (!(stopping_ && drained())) {
    co_await wait_for_work();
    if (stopping_ && drained()) break;
    for (std::size_t i = 0; i < options_.servers.size(); ++i) {
      const net::Address server = options_.servers[i];
      const std::uint64_t connections = stats_.connections;
      const std::uint64_t acknowledged = stats_.acknowledged_samples;
      Status ended = co_await session(server);
      stats_.connected = false;
      const bool was_connected = stats_.connections != connections;
      // Being greeted is not enough: a server that refuses what it is sent is no server to come back to at once.
      if (stats_.acknowledged_samples != acknowledged) {
        backoff.reset();
        said_.clear();
      }
      if (std::exchange(asked_back_, false)) {
        backoff.reset();
        break;
      }
      if (ended.has_value() || token_changed_) break;
      ++stats_.failures;
      stats_.last_error = ended.error().message;
      if (options_.log_connections) tell_failure(server, was_connected);
      if (stopping_ || was_connected) break;  // after a loss the first server has its turn again
    }
    if (stopping_ && drained()) break;
    if (std::exchange(token_changed_, false)) {
      backoff.reset();
      continue;
    }
    auto pause =
        std::max<std::chrono::nanoseconds>(backoff.next(), std::exchange(retry_after_, std::chrono::nanoseconds(0)));
    // New samples cancel the wake-up timer; waiting goes on until the pause is over, or until there is no time left to
    // stop.
    const auto until = steady_clock::now() + pause;
    while (steady_clock::now() < until && !token_changed_) {
      if (stopping_ && drained()) break;
      co_await sleep_until(stopping_ ? std::min(until, stop_by_) : until);
    }
  }
  stop_timer_.cancel();
}

void Uplink::tell_failure(const net::Address& server, bool was_connected) {
  if (said_ == stats_.last_error) return;
  if (options_.said_elsewhere && options_.said_elsewhere() == stats_.last_error) return;
  said_ = stats_.last_error;
  log::warn("uplink", was_connected ? "connection lost" : "cannot connect",
            {{"server", net::to_string(server)}, {"reason", said_}, {outbox_.backlog_name(), outbox_.backlog()}});
}

asio::awaitable<Status> Uplink::session(const net::Address& server) {
  auto connected =
      co_await net::Stream::connect(server, options_.tls, options_.server_name, options_.connect_timeout, &dialing_);
  if (!connected) co_return fail(std::move(connected).error());
  const std::shared_ptr<net::Stream> stream = *connected;
  stream_ = stream;
  wire::FrameReader frames(wire::kMaxFrameBytes);
  if (Status greeted = co_await greet(*stream, frames); !greeted) {
    dialing_.failed();
    stream->close();
    co_return greeted;
  }
  dialing_.worked();
  ++stats_.connections;
  stats_.connected = true;
  if (options_.log_connections)
    log::info("uplink", "connected",
              {{"server", net::to_string(server)},
               {"tls", options_.tls != nullptr},
               {"resume_from", outbox_.first()},
               {outbox_.backlog_name(), outbox_.backlog()}});

  receiving_ = true;
  received_ = Status();
  net::start(executor_, receive_loop(stream, std::move(frames)));
  Status ended = co_await send_loop(stream);
  // After our goodbye the server has the last word, and its end of stream ends the receiver.
  const auto patience = steady_clock::now() + kGoodbyePatience;
  while (ended.has_value() && receiving_ && steady_clock::now() < patience) co_await sleep_until(patience);
  stream->close();
  outbox_.end();
  while (receiving_) co_await sleep_until(steady_clock::now() + std::chrono::seconds(1));
  co_return ended;
}

asio::awaitable<Status> Uplink::greet(net::Stream& stream, wire::FrameReader& frames) {
  wire::Hello hello;
  hello.client = options_.client;
  epoch_ = outbox_.epoch();
  hello.stream = outbox_.stream();
  hello.token = options_.token;
  token_changed_ = false;
  hello.software = options_.software;
  hello.clock = Clock::system().wall();
  hello.interval_ns = static_cast<std::uint64_t>(options_.interval.count());
  hello.oldest_sequence = outbox_.empty() ? 0 : outbox_.first();
  hello.tags = options_.tags;
  hello.carries = outbox_.carries();
  hello.acknowledged = acknowledged_stream_ == hello.stream ? acknowledged_by_any_ : 0;
  std::string out;
  wire::encode(hello, out);
  if (Status written = co_await stream.write(out, options_.answer_timeout); !written) co_return written;
  std::vector<char> buffer(4096);
  while (true) {
    auto frame = frames.next();
    if (!frame) co_return fail(std::move(frame).error());
    if (*frame) {
      const wire::Frame& answer = **frame;
      if (answer.type == static_cast<std::uint8_t>(wire::FrameType::kRefuse)) co_return handle(answer);
      if (answer.type != static_cast<std::uint8_t>(wire::FrameType::kWelcome))
        co_return fail(ErrorKind::kInvalid, "the server did not answer HELLO with WELCOME: is it a resmon server?");
      auto welcome = wire::decode_welcome(answer.payload);
      if (!welcome) co_return fail(std::move(welcome).error());
      if (welcome->version != wire::kProtocolVersion)
        co_return fail(ErrorKind::kUnsupported, "the server chose protocol version " +
                                                    std::to_string(welcome->version) +
                                                    ", which this client does not support");
      if (outbox_.epoch() != epoch_) co_return fail(ErrorKind::kUnavailable, "the spool began a new stream");
      if (!forget_acknowledged(welcome->acknowledged, true))
        co_return fail(
            ErrorKind::kUnavailable,
            "the server has batch " + std::to_string(welcome->acknowledged) +
                " of this stream, which was not sent from here: another machine uses a copy of this spool, or "
                "this one was set back. What is not acknowledged is sent again in a new stream");
      acknowledged_ = welcome->acknowledged;
      refused_ = 0;
      next_to_send_ = outbox_.first();
      in_flight_.clear();
      in_flight_bytes_ = 0;
      control_.clear();
      max_frame_bytes_ = welcome->max_frame_bytes;
      if (welcome->idle_timeout_ns > 0)
        ping_every_ = std::max<std::chrono::nanoseconds>(
            kLeastPingEvery,
            std::chrono::nanoseconds(std::min<std::uint64_t>(welcome->idle_timeout_ns / 3, 3'600'000'000'000)));
      co_return Status();
    }
    auto got = co_await stream.read_some(buffer, options_.answer_timeout);
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0)
      co_return fail(ErrorKind::kUnavailable, std::string("the server closed the connection during the greeting") +
                                                  (options_.tls ? "" : "; does it need TLS (tls.enabled = true)?"));
    frames.append(std::string_view(buffer.data(), *got));
  }
}

asio::awaitable<Status> Uplink::send_loop(std::shared_ptr<net::Stream> stream) {
  outbox_.begin();
  std::string out;
  auto last_sent = steady_clock::now();
  auto last_entry = last_sent;
  while (true) {
    if (!receiving_)
      co_return received_.has_value() ? fail(ErrorKind::kUnavailable, "the server closed the connection") : received_;
    out.clear();
    out.swap(control_);
    if (outbox_.epoch() != epoch_) co_return fail(ErrorKind::kUnavailable, "the spool began a new stream");
    if (in_flight_bytes_ < options_.window_bytes) {
      const std::size_t before = out.size();
      const auto encoded = outbox_.encode(next_to_send_, max_frame_bytes_, out);
      if (!encoded) co_return fail(encoded.error());
      if (encoded->through > 0) {
        next_to_send_ = encoded->through + 1;
        if (in_flight_.empty()) waiting_since_ = steady_clock::now();
        in_flight_.emplace_back(encoded->through, out.size() - before);
        in_flight_bytes_ += out.size() - before;
        stats_.sent_batches += encoded->entries;
        last_entry = steady_clock::now();
      }
    }
    const auto now = steady_clock::now();
    if (out.empty() && now - last_sent >= ping_every_)
      wire::encode_ping(wire::FrameType::kPing, {static_cast<std::uint64_t>(now.time_since_epoch().count())}, out);
    if (!out.empty()) {
      if (Status written = co_await stream->write(out, options_.answer_timeout); !written) {
        // A refusal that the server sent before it hung up says more than the broken pipe.
        if (receiving_) co_await sleep_until(steady_clock::now() + std::chrono::milliseconds(100));
        co_return !receiving_ && !received_.has_value() ? received_ : written;
      }
      stats_.sent_bytes += out.size();
      last_sent = steady_clock::now();
      if (out.capacity() > (256U << 10U)) std::string().swap(out);
      continue;
    }
    const bool idle = options_.idle_close.count() > 0 && outbox_.empty() && now - last_entry >= options_.idle_close;
    if (idle || (stopping_ && drained())) {
      wire::encode_goodbye(idle ? "nothing to send" : "stopping", out);
      co_return co_await stream->write(out, kGoodbyePatience);
    }
    if (!in_flight_.empty() && now - waiting_since_ >= options_.answer_timeout)
      co_return fail(ErrorKind::kUnavailable, "no acknowledgement from the server");
    auto until = last_sent + std::chrono::duration_cast<steady_clock::duration>(ping_every_);
    if (!in_flight_.empty()) until = std::min(until, waiting_since_ + options_.answer_timeout);
    if (options_.idle_close.count() > 0) until = std::min(until, std::max(now, last_entry) + options_.idle_close);
    if (stopping_) until = std::min(until, stop_by_);
    co_await sleep_until(until);
  }
}

asio::awaitable<void> Uplink::receive_loop(std::shared_ptr<net::Stream> stream, wire::FrameReader frames) {
  std::vector<char> buffer(4096);
  // The sender watches for silence; this limit only ends a connection that nobody uses any more.
  const auto timeout = std::max<std::chrono::nanoseconds>(ping_every_ * 3, options_.answer_timeout * 2);
  while (received_.has_value()) {
    auto frame = frames.next();
    if (!frame) {
      received_ = fail(std::move(frame).error());
      break;
    }
    if (*frame) {
      received_ = handle(**frame);
      continue;
    }
    auto got = co_await stream->read_some(buffer, std::chrono::duration_cast<net::Timeout>(timeout));
    if (!got) {
      received_ = fail(std::move(got).error());
    } else if (*got == 0) {
      break;
    } else {
      frames.append(std::string_view(buffer.data(), *got));
    }
  }
  receiving_ = false;
  notify();
}

bool Uplink::forget_acknowledged(std::uint64_t sequence, bool greeting) {
  const std::uint64_t before = outbox_.backlog();
  if (greeting) {
    if (!outbox_.resume_after(sequence)) return false;
  } else {
    outbox_.acknowledge(sequence);
  }
  stats_.acknowledged_samples += before - outbox_.backlog();
  acknowledged_by_any_ = std::exchange(acknowledged_stream_, outbox_.stream()) == outbox_.stream()
                             ? std::max(acknowledged_by_any_, sequence)
                             : sequence;
  if (options_.on_acknowledged) options_.on_acknowledged(sequence);
  return true;
}

Status Uplink::handle(const wire::Frame& frame) {
  switch (static_cast<wire::FrameType>(frame.type)) {
    case wire::FrameType::kAck: {
      RESMON_ASSIGN(const wire::Ack ack, wire::decode_ack(frame.payload));
      if (outbox_.epoch() != epoch_) return {};  // of a stream that is no more
      if (ack.sequence >= next_to_send_)
        return fail(ErrorKind::kInvalid, "the server acknowledged a batch that was not sent");
      if (ack.refused > refused_) stats_.refused_samples += ack.refused - std::exchange(refused_, ack.refused);
      if (ack.sequence > acknowledged_) {
        acknowledged_ = ack.sequence;
        forget_acknowledged(ack.sequence, false);
      }
      std::size_t done = 0;
      while (done < in_flight_.size() && in_flight_[done].first <= ack.sequence)
        in_flight_bytes_ -= in_flight_[done++].second;
      in_flight_.erase(in_flight_.begin(), in_flight_.begin() + static_cast<std::ptrdiff_t>(done));
      waiting_since_ = steady_clock::now();
      notify();
      return {};
    }
    case wire::FrameType::kPing: {
      RESMON_ASSIGN(const wire::Ping ping, wire::decode_ping(frame.payload));
      if (control_.size() < kMostControlBytes) wire::encode_ping(wire::FrameType::kPong, ping, control_);
      notify();
      return {};
    }
    case wire::FrameType::kRefuse: {
      RESMON_ASSIGN(const wire::Refuse refuse, wire::decode_refuse(frame.payload));
      retry_after_ = std::chrono::nanoseconds(std::min<std::uint64_t>(refuse.retry_after_ns, 3'600'000'000'000));
      return refused(refuse);
    }
    case wire::FrameType::kGoodbye: {
      RESMON_ASSIGN(asked_back_, wire::decode_goodbye(frame.payload));
      return fail(ErrorKind::kUnavailable, asked_back_ ? "the server asks to connect again" : "the server is stopping");
    }
    case wire::FrameType::kNotice: {
      RESMON_ASSIGN(const std::string text, wire::decode_notice(frame.payload));
      log::warn("uplink", "the server says", {{"notice", text}});
      return {};
    }
    default:
      if (static_cast<wire::FrameType>(frame.type) == wire::kAskFrame && options_.on_ask) {
        RESMON_ASSIGN(const wire::Ask ask, wire::decode_ask(frame.payload));
        options_.on_ask(ask);
      }
      return {};  // PONG, and what a later version may add
  }
}

}  // namespace resmon::uplink
