// A session reads, takes every whole line, hands the rows on, writes the answers, and reads on: what a slow reader of
// answers has not taken holds up its own lines only, and no queue grows. Rows that cannot be taken now (the server's
// journal is full, or its disk fails) are kept by one session of each executor, and the others read nothing meanwhile.
//
// All connections of an executor read into one buffer, so a quiet connection costs no memory but its unfinished line;
// TLS has one for each connection.

#include "door/door.h"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <set>

#include "base/log.h"
#include "base/refusal_log.h"
#include "door/place.h"
#include "net/await.h"
#include "net/spawn.h"
#include "net/stream.h"

namespace resmon::door {

namespace asio = boost::asio;

namespace {

using net::kAwait;
constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr std::size_t kTlsBufferBytes = 16U << 10U;  // a record of TLS
constexpr std::size_t kDatagramBytes = 64U << 10U;
constexpr int kDatagramsAtOnce = 64;
constexpr std::size_t kMostAddresses = 10'000;  // that datagrams came from, remembered
constexpr auto kAnswerPatience = std::chrono::seconds(30);
constexpr auto kSafePatience = std::chrono::seconds(10);
constexpr auto kLaterPatience = std::chrono::seconds(10);
constexpr auto kLaterStep = std::chrono::milliseconds(50);
constexpr auto kAcceptAgain = std::chrono::milliseconds(100);  // after the process was out of descriptors
constexpr auto kGentlePatience = std::chrono::seconds(1);
constexpr auto kSweepEvery = std::chrono::seconds(60);
constexpr std::string_view kNotSafe = "not durable yet: the disk is full, failing or slow; send it again";
constexpr std::string_view kTokenWord = "token ";

struct Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool safe = false;
};

}  // namespace

struct Door::State : std::enable_shared_from_this<Door::State> {
  struct Lane;
  struct Session {
    Session(Lane& of, asio::generic::stream_protocol::socket accepted, std::string from, const DoorOptions& options)
        : lane(of),
          socket(std::move(accepted)),
          timer(of.executor),
          address(std::move(from)),
          greeted(!options.require_token),
          sender(options.host_from == HostFrom::kAddress ? address : std::string()),
          splitter(options.taker.max_line_bytes, options.framing) {}
    Lane& lane;
    asio::generic::stream_protocol::socket socket;  // moved from with TLS
    std::shared_ptr<net::Stream> tls;
    std::vector<char> buffer;  // of TLS
    asio::steady_timer timer;  // of the read or write under way
    const std::string address;
    bool greeted;
    bool denied = false;
    bool answering = false;  // something of it is being made safe or written
    std::list<std::weak_ptr<Session>>::iterator greeting;
    Sender sender;
    LineSplitter splitter;
    std::vector<Answer> answers;
    std::string text;

    void close() {
      boost::system::error_code ignored;
      timer.cancel();
      if (tls)
        tls->close();
      else
        socket.close(ignored);
    }
  };

  // What belongs to one executor.
  struct Lane {
    Lane(asio::any_io_executor at, Shared& shared, metric::SchemaTable& schemas)
        : executor(std::move(at)), taker(shared, schemas) {}
    const asio::any_io_executor executor;
    Taker taker;
    std::vector<char> buffer;
    std::set<std::shared_ptr<Session>> sessions;
    std::list<std::weak_ptr<Session>> greeting;  // the oldest first
    bool held = false;                           // a session keeps rows that could not be taken
  };

  State(const std::vector<asio::any_io_executor>& executors, DoorOptions from, metric::SchemaTable& schemas, Intake& to)
      : options(std::move(from)), shared(options.taker), intake(to) {
    for (const asio::any_io_executor& executor : executors) lanes.emplace_back(executor, shared, schemas);
    flush_timer.emplace(executors.front());
    sweep_timer.emplace(executors.front());
  }

  template <class Acceptor>
  asio::awaitable<void> accept(std::shared_ptr<State> self, Acceptor& acceptor);
  asio::awaitable<void> serve(std::shared_ptr<State> self, std::shared_ptr<Session> session);
  asio::awaitable<void> close_gently(std::shared_ptr<Session> session);
  asio::awaitable<bool> read(std::shared_ptr<Session> session, bool& more);
  asio::awaitable<bool> answer(std::shared_ptr<Session> session);
  asio::awaitable<Intake::Taken> hand_on(std::shared_ptr<Session> session);
  asio::awaitable<bool> when_safe(std::uint64_t position, const asio::any_io_executor& executor);
  asio::awaitable<void> receive(std::shared_ptr<State> self);
  asio::awaitable<void> flush(std::shared_ptr<State> self);
  asio::awaitable<void> sweep(std::shared_ptr<State> self);
  void take(std::string_view bytes, Session& session);
  bool greet(std::string_view line, Session& session);
  void admit(Session& session);
  void deny(Session& session, std::string reason);
  bool take_datagram(std::string_view datagram, const std::string& address, std::map<std::string, Sender>& senders);
  void hand_on_at_once(Lane& lane);
  void note(const Intake::Taken& taken);
  void stop_lane(std::size_t number);
  void arm(const std::shared_ptr<Session>& session, std::chrono::nanoseconds patience);
  std::chrono::nanoseconds patience_of(const Session& session) const {
    return session.greeted ? options.idle_timeout : options.greeting_timeout;
  }

  const DoorOptions options;
  Shared shared;
  Intake& intake;
  std::deque<Lane> lanes;
  Sockets sockets;
  std::optional<asio::steady_timer> flush_timer;
  std::optional<asio::steady_timer> sweep_timer;
  RefusalLog refusals{"input"};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> open_connections{0};
  std::atomic<std::uint64_t> refused_connections{0};
  std::atomic<std::uint64_t> denied{0};
  std::atomic<std::uint64_t> dropped_datagrams{0};
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> stopped_lanes{0};
};

namespace {

std::string address_text(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

template <class Socket>
std::string address_of(const Socket&) {
  return {};
}

std::string address_of(const asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "unknown" : address_text(endpoint.address());
}

}  // namespace

template <class Acceptor>
asio::awaitable<void> Door::State::accept(std::shared_ptr<State> self, Acceptor& acceptor) {
  asio::steady_timer pause(lanes.front().executor);
  for (std::size_t turn = 0; !stopping; ++turn) {
    Lane& lane = lanes[turn % lanes.size()];
    auto [error, accepted] = co_await acceptor.async_accept(lane.executor, kAwait);
    if (stopping || error == asio::error::operation_aborted) break;
    if (error) {
      pause.expires_after(kAcceptAgain);
      co_await net::wait(pause);
      continue;
    }
    ++connections;
    boost::system::error_code ignored;
    accepted.non_blocking(true, ignored);
    std::string address = address_of(accepted);
    asio::generic::stream_protocol::socket socket(std::move(accepted));
    if (open_connections >= static_cast<std::uint64_t>(options.max_connections)) {
      ++refused_connections;
      if (options.ack && !options.tls)
        socket.write_some(asio::buffer(std::string_view("error too many connections\n")), ignored);
      continue;
    }
    ++open_connections;
    const auto session = std::make_shared<Session>(lane, std::move(socket), std::move(address), options);
    net::start(lane.executor, serve(self, session));
  }
}

// A read or write that is late ends the connection.
void Door::State::arm(const std::shared_ptr<Session>& session, std::chrono::nanoseconds patience) {
  session->timer.expires_after(patience);
  session->timer.async_wait([weak = std::weak_ptr<Session>(session)](const boost::system::error_code& cancelled) {
    if (const auto late = weak.lock(); late && !cancelled) late->close();
  });
}

void Door::State::admit(Session& session) {
  if (std::exchange(session.greeted, true)) return;
  session.lane.greeting.erase(session.greeting);
}

void Door::State::deny(Session& session, std::string reason) {
  session.denied = true;
  ++denied;
  session.text += "error " + reason + "\n";
  if (refusals.say(session.address, reason))
    log::warn("input", "refused a connection",
              {{"input", options.name}, {"address", session.address}, {"reason", reason}});
}

// The first line of a connection that needs a token.
bool Door::State::greet(std::string_view line, Session& session) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!line.starts_with(kTokenWord)) {
    deny(session, "the first line must be: token TOKEN");
    return false;
  }
  const auto name = options.access ? options.access(line.substr(kTokenWord.size())) : std::nullopt;
  if (!name) {
    deny(session, "the token is not valid");
    return false;
  }
  if (name->empty() && options.host_from == HostFrom::kToken) {
    deny(session, "the token is bound to no host's name");
    return false;
  }
  if (!name->empty()) session.sender = Sender(*name);
  admit(session);
  if (options.ack) session.answers.push_back({session.lane.taker.rows().rows().size(), 0, {}});
  return true;
}

void Door::State::take(std::string_view bytes, Session& session) {
  const UnixNanos now = Clock::system().wall();
  Taker& taker = session.lane.taker;
  std::vector<Answer>* const answers = options.ack ? &session.answers : nullptr;
  session.splitter.feed(
      bytes,
      [&](std::string_view lines) {
        if (session.denied) return;
        if (!session.greeted) {
          const std::size_t end = options.framing == Framing::kLine ? lines.find('\n') : std::string_view::npos;
          if (!greet(lines.substr(0, end), session) || end == std::string_view::npos) return;
          lines.remove_prefix(end + 1);
        }
        if (options.framing == Framing::kLine)
          taker.take(lines, now, session.sender, answers);
        else
          taker.take_line(lines, now, session.sender, answers);
      },
      [&] {
        if (!session.greeted)
          deny(session, "the first line must be: token TOKEN");
        else
          taker.refuse("a line is longer than max_line_bytes", answers);
      });
}

void Door::State::note(const Intake::Taken& taken) {
  if (taken.refused_rows > 0) shared.refuse(taken.refused_rows, taken.reason);
}

// What is taken of one read, so that the rows of the lane are free for the next.
asio::awaitable<Intake::Taken> Door::State::hand_on(std::shared_ptr<Session> session) {
  Lane& lane = session->lane;
  metric::Batch& rows = lane.taker.rows();
  Intake::Taken out;
  if (rows.empty()) {
    rows.clear();
    co_return out;
  }
  std::vector<std::size_t> ends;
  for (const Answer& one : session->answers) ends.push_back(one.rows_end);
  out = intake.take(rows, options.ack ? &ends : nullptr);
  if (out.fate != Intake::Taken::Fate::kLater) {
    note(out);
    rows.clear();
    co_return out;
  }
  metric::Batch kept;
  std::swap(kept, rows);
  rows.clear();
  lane.held = true;
  asio::steady_timer pause(lane.executor);
  const auto until = std::chrono::steady_clock::now() + kLaterPatience;
  while (out.fate == Intake::Taken::Fate::kLater && !stopping && std::chrono::steady_clock::now() < until) {
    pause.expires_after(kLaterStep);
    co_await net::wait(pause);
    Intake::Taken again = intake.again(kept);
    out.fate = again.fate;
    out.position = again.position;
    if (again.fate != Intake::Taken::Fate::kTaken) out.reason = std::move(again.reason);
  }
  lane.held = false;
  note(out);
  if (out.fate != Intake::Taken::Fate::kTaken) shared.refuse(kept.rows().size(), out.reason);
  co_return out;
}

asio::awaitable<bool> Door::State::when_safe(std::uint64_t position, const asio::any_io_executor& executor) {
  const auto waiter = std::make_shared<Waiter>(executor);
  waiter->timer.expires_after(kSafePatience);
  intake.when_safe(position, executor, [waiter] {
    waiter->safe = true;
    waiter->timer.cancel();
  });
  if (!waiter->safe) co_await net::wait(waiter->timer);
  co_return waiter->safe;
}

// Hands on what was taken, and writes the answers. False: the connection is to end.
asio::awaitable<bool> Door::State::answer(std::shared_ptr<Session> session) {
  Session& s = *session;
  s.answering = true;
  const Intake::Taken taken = co_await hand_on(session);
  if (!s.answers.empty()) {
    bool safe = taken.fate == Intake::Taken::Fate::kTaken;
    if (safe && taken.position > 0) safe = co_await when_safe(taken.position, s.lane.executor);
    std::size_t rows = 0;
    for (std::size_t i = 0; i < s.answers.size(); ++i) {
      Answer& one = s.answers[i];
      const bool has_rows = std::exchange(rows, one.rows_end) != one.rows_end;
      if (has_rows && one.error.empty()) {
        if (taken.fate != Intake::Taken::Fate::kTaken)
          one.error = taken.reason;
        else if (i < taken.by_answer.size() && !taken.by_answer[i].empty())
          one.error = taken.by_answer[i];
        else if (!safe)
          one.error = kNotSafe;
      }
      append_answer(one, s.text);
    }
    if (safe && taken.position > 0) intake.answered(taken.position);
    s.answers.clear();
  }
  bool going_on = true;
  if (!s.text.empty()) {
    if (s.tls) {
      const Status written = co_await s.tls->write(s.text, kAnswerPatience);
      going_on = written.has_value();
    } else {
      arm(session, kAnswerPatience);
      auto [broken, written] = co_await asio::async_write(s.socket, asio::buffer(s.text), kAwait);
      s.timer.cancel();
      going_on = !broken;
    }
    s.text.clear();
  }
  s.answering = false;
  co_return going_on && !s.denied;
}

// Reads once, and takes what came. False: the connection is to end; `more`: what came is to be handed on first.
asio::awaitable<bool> Door::State::read(std::shared_ptr<Session> session, bool& more) {
  Session& s = *session;
  more = false;
  if (s.tls) {
    const auto got = co_await s.tls->read_some(s.buffer, patience_of(s));
    if (!got) co_return false;
    if (*got > 0) {
      take({s.buffer.data(), *got}, s);
      more = true;
      co_return true;
    }
  } else {
    boost::system::error_code error;
    const std::size_t got = s.socket.read_some(asio::buffer(s.lane.buffer), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      arm(session, patience_of(s));
      auto [broken] = co_await s.socket.async_wait(asio::socket_base::wait_read, kAwait);
      s.timer.cancel();
      co_return !broken;
    }
    if (error && error != asio::error::eof) co_return false;
    if (!error) {
      take({s.lane.buffer.data(), got}, s);
      more = true;
      co_return true;
    }
  }
  // A last line without its end.
  if (const std::string rest = s.splitter.take_rest(); !rest.empty()) {
    take(rest + "\n", s);
    more = true;
  }
  co_return false;
}

// What was not read would turn the close into a reset, which discards the answer on its way.
asio::awaitable<void> Door::State::close_gently(std::shared_ptr<Session> session) {
  Session& s = *session;
  if (s.tls) {
    co_await s.tls->close_gently(kGentlePatience);
    co_return;
  }
  boost::system::error_code error;
  s.socket.shutdown(asio::socket_base::shutdown_send, error);
  arm(session, kGentlePatience);
  for (int i = 0; i < 64 && !error; ++i) {
    (void)s.socket.read_some(asio::buffer(s.lane.buffer), error);
    if (error != asio::error::would_block) continue;
    std::tie(error) = co_await s.socket.async_wait(asio::socket_base::wait_read, kAwait);
  }
  s.timer.cancel();
}

asio::awaitable<void> Door::State::serve([[maybe_unused]] std::shared_ptr<State> self,
                                         std::shared_ptr<Session> session) {
  Session& s = *session;
  Lane& lane = s.lane;
  lane.sessions.insert(session);
  if (!s.greeted) {
    // Whoever opens many and has no token ends its own, not those that are let in.
    const std::size_t most =
        std::max<std::size_t>(16, static_cast<std::size_t>(options.max_connections) / 4) / lanes.size() + 1;
    if (lane.greeting.size() >= most) {
      ++refused_connections;
      if (const auto oldest = lane.greeting.front().lock()) oldest->close();
    }
    s.greeting = lane.greeting.insert(lane.greeting.end(), session);
  }
  bool open = !stopping;
  if (options.tls && open) {
    boost::system::error_code error;
    const auto local = s.socket.local_endpoint(error);
    const bool six = local.protocol().family() == AF_INET6;
    const auto handle = s.socket.release(error);
    asio::ip::tcp::socket socket(lane.executor);
    if (!error) socket.assign(six ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), handle, error);
    s.tls = std::make_shared<net::Stream>(std::move(socket), options.tls);
    s.buffer.resize(kTlsBufferBytes);
    if (const Status shaken = co_await s.tls->handshake(options.greeting_timeout); !shaken) {
      open = false;
      ++denied;
      if (refusals.say(s.address, shaken.error().message))
        log::warn("input", "refused a connection",
                  {{"input", options.name}, {"address", s.address}, {"reason", shaken.error().message}});
    }
  }
  lane.buffer.resize(kBufferBytes);
  asio::steady_timer pause(lane.executor);
  while (open && !stopping) {
    if (lane.held) {
      pause.expires_after(kLaterStep);
      co_await net::wait(pause);
      continue;
    }
    bool more = false;
    open = co_await read(session, more);
    if (more) {
      const bool going_on = co_await answer(session);
      open = open && going_on;
      co_await net::yield(lane.executor);  // the others' turn
    }
  }
  if (!s.greeted) lane.greeting.erase(s.greeting);
  if (s.denied) co_await close_gently(session);
  s.close();
  lane.sessions.erase(session);
  --open_connections;
}

// True: rows may have come.
bool Door::State::take_datagram(std::string_view datagram, const std::string& address,
                                std::map<std::string, Sender>& senders) {
  std::string name = options.host_from == HostFrom::kAddress ? address : std::string();
  if (options.require_token) {
    const std::size_t end = std::min(datagram.find('\n'), datagram.size());
    std::string_view line = datagram.substr(0, end);
    datagram.remove_prefix(std::min(end + 1, datagram.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::optional<std::string> bound;
    if (options.access && line.starts_with(kTokenWord)) bound = options.access(line.substr(kTokenWord.size()));
    if (!bound || (bound->empty() && options.host_from == HostFrom::kToken)) {
      ++denied;
      const std::string reason = "a datagram without a valid first line: token TOKEN";
      if (refusals.say(address, reason))
        log::warn("input", "refused a datagram", {{"input", options.name}, {"address", address}, {"reason", reason}});
      return false;
    }
    if (!bound->empty()) name = std::move(*bound);
  }
  if (senders.size() > kMostAddresses) senders.clear();
  Sender& sender = senders.try_emplace(name.empty() ? address : name, name).first->second;
  lanes.front().taker.take_datagram(datagram, Clock::system().wall(), sender);
  return true;
}

// Of what no sender waits for.
void Door::State::hand_on_at_once(Lane& lane) {
  metric::Batch& rows = lane.taker.rows();
  if (!rows.empty()) {
    const std::size_t count = rows.rows().size();
    const Intake::Taken taken = intake.take(rows, nullptr);
    note(taken);
    if (taken.fate != Intake::Taken::Fate::kTaken) shared.refuse(count, taken.reason);
  }
  rows.clear();
}

asio::awaitable<void> Door::State::receive([[maybe_unused]] std::shared_ptr<State> self) {
  std::vector<char> buffer(kDatagramBytes);
  std::map<std::string, Sender> senders;
  asio::ip::udp::socket& socket = *sockets.udp;
  while (!stopping) {
    auto [error] = co_await socket.async_wait(asio::socket_base::wait_read, kAwait);
    if (stopping || error == asio::error::operation_aborted) break;
    for (int i = 0; i < kDatagramsAtOnce; ++i) {
      asio::ip::udp::endpoint from;
      iovec part{buffer.data(), buffer.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint32_t))> control{};
      msghdr message{};
      message.msg_name = from.data();
      message.msg_namelen = static_cast<socklen_t>(from.capacity());
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t got = ::recvmsg(socket.native_handle(), &message, MSG_DONTWAIT);
      if (got < 0) break;
      from.resize(message.msg_namelen);
      for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
        std::uint32_t dropped = 0;
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SO_RXQ_OVFL) continue;
        std::memcpy(&dropped, CMSG_DATA(head), sizeof dropped);
        dropped_datagrams = dropped;
      }
      take_datagram({buffer.data(), static_cast<std::size_t>(got)}, address_text(from.address()), senders);
    }
    hand_on_at_once(lanes.front());
    co_await net::yield(lanes.front().executor);  // the others' turn
  }
}

// At round times, as gathers are, so that what is drawn together has the same times.
asio::awaitable<void> Door::State::flush([[maybe_unused]] std::shared_ptr<State> self) {
  const std::int64_t step = options.flush_interval.count();
  while (!stopping) {
    flush_timer->expires_after(std::chrono::nanoseconds(step - Clock::system().wall() % step));
    co_await net::wait(*flush_timer);
    if (stopping) break;
    lanes.front().taker.flush(Clock::system().wall() / step * step);
    hand_on_at_once(lanes.front());
  }
}

asio::awaitable<void> Door::State::sweep([[maybe_unused]] std::shared_ptr<State> self) {
  while (!stopping) {
    sweep_timer->expires_after(kSweepEvery);
    co_await net::wait(*sweep_timer);
    if (stopping) break;
    shared.sweep();
    refusals.report();
  }
}

void Door::State::stop_lane(std::size_t number) {
  Lane& lane = lanes[number];
  if (number == 0) {
    flush_timer->cancel();
    sweep_timer->cancel();
    sockets.close();
    lane.taker.flush(Clock::system().wall());
    hand_on_at_once(lane);
  }
  for (const auto& session : lane.sessions)
    if (!session->answering) session->close();
  ++stopped_lanes;
}

Result<Reach> check_url(const std::string& url) {
  const auto place = place_of(url);
  if (!place) return fail(Error(place.error()).wrap("url"));
  return place->kind == Kind::kUnix || net::is_loopback(place->address.host) ? Reach::kThisMachine : Reach::kOthers;
}

Result<std::unique_ptr<Door>> Door::open(std::vector<asio::any_io_executor> executors, DoorOptions options,
                                         metric::SchemaTable& schemas, Intake& intake) {
  RESMON_ASSIGN(const Place place, place_of(options.url));
  // Sums are made in one place, and datagrams come to one socket.
  if (options.taker.format == Format::kStatsd || place.kind == Kind::kUdp) executors.resize(1);
  auto state = std::make_shared<State>(executors, std::move(options), schemas, intake);
  RESMON_TRY(state->sockets.bind(place, executors.front()));
  return std::unique_ptr<Door>(new Door(std::move(state)));
}

Door::~Door() {
  stop();
}

void Door::start() {
  State& s = *state_;
  const asio::any_io_executor& executor = s.lanes.front().executor;
  if (s.sockets.tcp) net::start(executor, s.accept(state_, *s.sockets.tcp));
  if (s.sockets.local) net::start(executor, s.accept(state_, *s.sockets.local));
  if (s.sockets.udp) net::start(executor, s.receive(state_));
  if (s.options.taker.format == Format::kStatsd) net::start(executor, s.flush(state_));
  net::start(executor, s.sweep(state_));
}

void Door::stop() {
  if (state_->stopping.exchange(true)) return;
  for (std::size_t i = 0; i < state_->lanes.size(); ++i)
    asio::dispatch(state_->lanes[i].executor, [state = state_, i] { state->stop_lane(i); });
}

bool Door::stopped() const {
  return state_->stopped_lanes == state_->lanes.size() && state_->open_connections == 0;
}

DoorStats Door::stats() const {
  const State& s = *state_;
  return {s.options.name,        s.shared.stats(), s.connections,      s.open_connections,
          s.refused_connections, s.denied,         s.dropped_datagrams};
}

}  // namespace resmon::door
