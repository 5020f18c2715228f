// A session reads, takes every whole line, hands the rows on, writes the answers, and reads on: what a slow reader of
// answers has not taken holds up its own lines only, and no queue grows.

#include "door/door.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <set>

#include "base/log.h"
#include "net/address.h"

namespace resmon::door {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBufferBytes = 16U << 10U;
constexpr std::size_t kDatagramBytes = 64U << 10U;
constexpr int kReceiveBytes = 4 << 20;
constexpr auto kAnswerPatience = std::chrono::seconds(30);
constexpr auto kAcceptAgain = std::chrono::milliseconds(100);  // after the process was out of descriptors

enum class Kind { kUnix, kTcp, kUdp };
struct Place {
  Kind kind = Kind::kTcp;
  std::string path;
  net::Address address;
};

Result<Place> place_of(std::string_view url) {
  Place out;
  const std::size_t colon = url.find(':');
  const std::string_view scheme = url.substr(0, colon);
  if (colon == std::string_view::npos || (scheme != "unix" && scheme != "tcp" && scheme != "udp"))
    return fail(ErrorKind::kInvalid, "must be unix:/PATH, tcp:HOST:PORT or udp:HOST:PORT");
  std::string_view rest = url.substr(colon + 1);
  if (rest.starts_with("//")) rest.remove_prefix(2);
  if (scheme == "unix") {
    out.kind = Kind::kUnix;
    out.path = rest;
    if (!out.path.starts_with('/') || out.path.size() > 100)
      return fail(ErrorKind::kInvalid, "unix: a path begins with / and has at most 100 bytes");
    return out;
  }
  out.kind = scheme == "tcp" ? Kind::kTcp : Kind::kUdp;
  RESMON_ASSIGN(out.address, net::parse_address(rest));
  if (!net::is_loopback(out.address.host))
    return fail(ErrorKind::kInvalid, "other machines reach " + out.address.host +
                                         "; an input listens on this machine only: 127.0.0.1, [::1] or a unix socket");
  if (out.address.host == "localhost") out.address.host = "127.0.0.1";
  return out;
}

}  // namespace

struct Door::State : std::enable_shared_from_this<Door::State> {
  State(asio::any_io_executor at, DoorOptions from, metric::SchemaTable& schemas, Deliver to)
      : executor(std::move(at)), options(std::move(from)), taker(options.taker, schemas), deliver(std::move(to)) {}

  struct Session {
    explicit Session(asio::generic::stream_protocol::socket accepted, const DoorOptions& options)
        : socket(std::move(accepted)),
          timer(socket.get_executor()),
          splitter(options.taker.max_line_bytes, options.framing) {}
    asio::generic::stream_protocol::socket socket;
    asio::steady_timer timer;  // of the read or write under way
    LineSplitter splitter;
    std::string answer;
  };

  Status bind(const Place& place);
  template <class Acceptor>
  asio::awaitable<void> accept(std::shared_ptr<State> self, Acceptor& acceptor);
  asio::awaitable<void> serve(std::shared_ptr<State> self, std::shared_ptr<Session> session);
  asio::awaitable<void> receive(std::shared_ptr<State> self);
  asio::awaitable<void> flush(std::shared_ptr<State> self);
  void take(std::string_view bytes, Session& session);
  void hand_on();
  void arm(const std::shared_ptr<Session>& session, std::chrono::nanoseconds patience);

  const asio::any_io_executor executor;
  const DoorOptions options;
  Taker taker;
  const Deliver deliver;
  std::optional<asio::ip::tcp::acceptor> tcp;
  std::optional<asio::local::stream_protocol::acceptor> local;
  std::optional<asio::ip::udp::socket> udp;
  std::string path;  // of the unix socket
  std::set<std::shared_ptr<Session>> sessions;
  asio::steady_timer flush_timer{executor};
  metric::Batch rows;
  std::uint64_t connections = 0;
  std::uint64_t refused_connections = 0;
  bool stopping = false;
};

Status Door::State::bind(const Place& place) {
  boost::system::error_code error;
  const auto failed = [&](const char* what) {
    return fail(ErrorKind::kUnavailable, options.url + ": " + what + ": " + error.message());
  };
  if (place.kind == Kind::kUnix) {
    // One that an earlier process left is in the way; anything else stays.
    struct stat state {};
    if (::lstat(place.path.c_str(), &state) == 0 && S_ISSOCK(state.st_mode)) ::unlink(place.path.c_str());
    local.emplace(executor);
    local->open(asio::local::stream_protocol(), error);
    if (!error) local->bind(asio::local::stream_protocol::endpoint(place.path), error);
    if (error) return failed("cannot be made");
    path = place.path;
    ::chmod(path.c_str(), 0660);
    local->listen(asio::socket_base::max_listen_connections, error);
    return error ? Status(failed("listen")) : Status();
  }
  const auto address = asio::ip::make_address(place.address.host, error);
  if (error) return failed("no address");
  if (place.kind == Kind::kUdp) {
    udp.emplace(executor);
    const asio::ip::udp::endpoint endpoint(address, place.address.port);
    udp->open(endpoint.protocol(), error);
    if (!error) udp->bind(endpoint, error);
    // A burst waits there while a gather runs. More than net.core.rmem_max only where this process may.
    const int bytes = kReceiveBytes;
    if (!error && ::setsockopt(udp->native_handle(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
      (void)::setsockopt(udp->native_handle(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return error ? Status(failed("bind")) : Status();
  }
  tcp.emplace(executor);
  const asio::ip::tcp::endpoint endpoint(address, place.address.port);
  tcp->open(endpoint.protocol(), error);
  if (!error) tcp->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) tcp->bind(endpoint, error);
  if (!error) tcp->listen(asio::socket_base::max_listen_connections, error);
  return error ? Status(failed("bind")) : Status();
}

template <class Acceptor>
asio::awaitable<void> Door::State::accept(std::shared_ptr<State> self, Acceptor& acceptor) {
  asio::steady_timer pause(executor);
  while (!stopping) {
    auto [error, accepted] = co_await acceptor.async_accept(kAwait);
    if (stopping || error == asio::error::operation_aborted) break;
    if (error) {
      pause.expires_after(kAcceptAgain);
      co_await pause.async_wait(kAwait);
      continue;
    }
    ++connections;
    asio::generic::stream_protocol::socket socket(std::move(accepted));
    if (sessions.size() >= static_cast<std::size_t>(options.max_connections)) {
      ++refused_connections;
      boost::system::error_code ignored;
      socket.non_blocking(true, ignored);
      if (options.ack) socket.write_some(asio::buffer(std::string_view("error too many connections\n")), ignored);
      continue;
    }
    const auto session = std::make_shared<Session>(std::move(socket), options);
    sessions.insert(session);
    asio::co_spawn(executor, serve(self, session), asio::detached);
  }
}

// A read or write that is late ends the connection.
void Door::State::arm(const std::shared_ptr<Session>& session, std::chrono::nanoseconds patience) {
  session->timer.expires_after(patience);
  session->timer.async_wait([weak = std::weak_ptr<Session>(session)](const boost::system::error_code& cancelled) {
    if (const auto late = weak.lock(); late && !cancelled) {
      boost::system::error_code ignored;
      late->socket.close(ignored);
    }
  });
}

void Door::State::hand_on() {
  if (!rows.empty()) deliver(rows);
  rows.clear();
}

void Door::State::take(std::string_view bytes, Session& session) {
  const UnixNanos now = Clock::system().wall();
  std::string* const answer = options.ack ? &session.answer : nullptr;
  session.splitter.feed(
      bytes, [&](std::string_view line) { taker.take(line, now, rows, answer); },
      [&] { taker.refuse("a line is longer than max_line_bytes", answer); });
  hand_on();
}

asio::awaitable<void> Door::State::serve([[maybe_unused]] std::shared_ptr<State> self,
                                         std::shared_ptr<Session> session) {
  std::vector<char> buffer(kBufferBytes);
  while (!stopping) {
    arm(session, options.idle_timeout);
    auto [error, got] = co_await session->socket.async_read_some(asio::buffer(buffer), kAwait);
    session->timer.cancel();
    if (!error)
      take(std::string_view(buffer.data(), got), *session);
    else if (const std::string rest = session->splitter.take_rest(); !rest.empty() && error == asio::error::eof)
      take(rest + "\n", *session);
    if (!session->answer.empty()) {
      arm(session, kAnswerPatience);
      auto [broken, written] = co_await asio::async_write(session->socket, asio::buffer(session->answer), kAwait);
      session->timer.cancel();
      session->answer.clear();
      if (broken) break;
    }
    if (error) break;
  }
  session->timer.cancel();
  boost::system::error_code ignored;
  session->socket.close(ignored);
  sessions.erase(session);
}

asio::awaitable<void> Door::State::receive([[maybe_unused]] std::shared_ptr<State> self) {
  std::vector<char> buffer(kDatagramBytes);
  asio::ip::udp::endpoint from;
  while (!stopping) {
    auto [error, got] = co_await udp->async_receive_from(asio::buffer(buffer), from, kAwait);
    if (stopping || error == asio::error::operation_aborted) break;
    if (error) continue;
    const UnixNanos now = Clock::system().wall();
    std::string_view rest(buffer.data(), got);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      taker.take(rest.substr(0, end), now, rows, nullptr);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    hand_on();
  }
}

// At round times, as gathers are, so that what is drawn together has the same times.
asio::awaitable<void> Door::State::flush([[maybe_unused]] std::shared_ptr<State> self) {
  const std::int64_t step = options.flush_interval.count();
  while (!stopping) {
    flush_timer.expires_after(std::chrono::nanoseconds(step - Clock::system().wall() % step));
    co_await flush_timer.async_wait(kAwait);
    if (stopping) break;
    taker.flush(Clock::system().wall() / step * step, rows);
    hand_on();
  }
}

Status check_url(const std::string& url) {
  const auto place = place_of(url);
  if (!place) return fail(Error(place.error()).wrap("url"));
  return {};
}

Result<std::unique_ptr<Door>> Door::open(asio::any_io_executor executor, DoorOptions options,
                                         metric::SchemaTable& schemas, Deliver deliver) {
  RESMON_ASSIGN(const Place place, place_of(options.url));
  auto state = std::make_shared<State>(std::move(executor), std::move(options), schemas, std::move(deliver));
  RESMON_TRY(state->bind(place));
  return std::unique_ptr<Door>(new Door(std::move(state)));
}

Door::~Door() {
  stop();
}

void Door::start() {
  State& s = *state_;
  if (s.tcp) asio::co_spawn(s.executor, s.accept(state_, *s.tcp), asio::detached);
  if (s.local) asio::co_spawn(s.executor, s.accept(state_, *s.local), asio::detached);
  if (s.udp) asio::co_spawn(s.executor, s.receive(state_), asio::detached);
  if (s.options.taker.format == Format::kStatsd) asio::co_spawn(s.executor, s.flush(state_), asio::detached);
}

void Door::stop() {
  State& s = *state_;
  if (std::exchange(s.stopping, true)) return;
  s.flush_timer.cancel();
  s.taker.flush(Clock::system().wall(), s.rows);
  s.hand_on();
  boost::system::error_code ignored;
  if (s.tcp) s.tcp->close(ignored);
  if (s.local) s.local->close(ignored);
  if (s.udp) s.udp->close(ignored);
  if (!s.path.empty()) ::unlink(s.path.c_str());
  for (const auto& session : s.sessions) {
    session->timer.cancel();
    session->socket.close(ignored);
  }
}

DoorStats Door::stats() const {
  return {state_->options.name, state_->taker.stats(), state_->connections, state_->refused_connections};
}

}  // namespace resmon::door
