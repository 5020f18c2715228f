#include "net/listener.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>

#include "base/log.h"
#include "net/await.h"
#include "net/proxy_header.h"
#include "net/spawn.h"

namespace resmon::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Listener::State {
  State(asio::io_context& first, std::vector<asio::io_context*> all, std::string n)
      : contexts(std::move(all)), acceptor(first), timer(first), name(std::move(n)) {}

  std::vector<asio::io_context*> contexts;
  tcp::acceptor acceptor;
  asio::steady_timer timer;
  std::string name;
  OnAccept on_accept;
  Proxying proxying;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint32_t> waiting{0};  // for headers
  std::atomic<std::uint64_t> refused{0};
};

namespace {

asio::awaitable<void> accept_loop(std::shared_ptr<Listener::State> s);

constexpr auto kHeaderPatience = std::chrono::seconds(5);
constexpr std::chrono::milliseconds kLongestPause{100};
constexpr std::uint32_t kMostWaiting = 4096;

void refuse(Listener::State& s, const tcp::endpoint& peer, std::string_view reason) {
  if (s.refused++ % 1000 == 0)
    log::warn("net", "connection refused",
              {{"listener", s.name},
               {"address", to_string(Address{peer.address().to_string(), peer.port()})},
               {"reason", reason},
               {"refused", s.refused.load()}});
}

// Looks at what has arrived and takes nothing of it.
std::string_view peek(tcp::socket& socket, std::string& room, error_code& error) {
  room.resize(kMostProxyHeaderBytes);
  socket.non_blocking(true, error);
  if (error) return {};
  const std::size_t bytes = socket.receive(asio::buffer(room), asio::socket_base::message_peek, error);
  if (!error && bytes == 0) error = asio::error::eof;
  return std::string_view(room).substr(0, bytes);
}

// Takes the header off a balancer's connection, if there is one, and hands that on. All that connect speak first, and
// the header comes with the connection. So it is looked for with growing pauses, which needs no second operation on the
// socket for the deadline.
asio::awaitable<void> take_header(std::shared_ptr<Listener::State> s, tcp::socket socket, tcp::endpoint peer) {
  asio::steady_timer timer(socket.get_executor());
  const auto deadline = std::chrono::steady_clock::now() + kHeaderPatience;
  std::chrono::milliseconds pause(1);
  std::string room;
  while (!s->stopping) {
    error_code error;
    const std::string_view bytes = peek(socket, room, error);
    if (error && error != asio::error::would_block) co_return;  // it has gone
    const bool late = std::chrono::steady_clock::now() > deadline;
    if (bytes.empty() ? late : !begins_proxy_header(bytes)) {
      s->on_accept(std::move(socket), peer);
      co_return;
    }
    const auto header = read_proxy_header(bytes);
    if (!header || (late && !*header)) {
      refuse(*s, peer, header ? "no whole PROXY protocol header within 5 s" : header.error().message);
      co_return;
    }
    if (*header) {
      socket.receive(asio::buffer(room.data(), (*header)->bytes), 0, error);
      tcp::endpoint client = (*header)->client.value_or(peer);
      // Another machine's own addresses are not this one's, which may do more.
      if (client.address().is_loopback() && !peer.address().is_loopback()) client = peer;
      if (!error) s->on_accept(std::move(socket), client);
      co_return;
    }
    timer.expires_after(pause);
    co_await wait(timer);
    pause = std::min(2 * pause, kLongestPause);
  }
}

void hand_on(const std::shared_ptr<Listener::State>& s, tcp::socket socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // it has gone
  if (s->proxying.from.contains(peer.address())) {
    if (s->waiting >= kMostWaiting) {
      refuse(*s, peer, "too many connections that wait for a PROXY protocol header");
      return;
    }
    ++s->waiting;
    const auto executor = socket.get_executor();
    net::start(executor, take_header(s, std::move(socket), peer), [s](const std::exception_ptr&) { --s->waiting; });
    return;
  }
  // A balancer sends it at once, so that it is here by now: what is late is refused as no protocol of ours.
  char first[12];
  socket.non_blocking(true, error);
  const std::size_t bytes = socket.receive(asio::buffer(first), asio::socket_base::message_peek, error);
  if (!error && bytes == sizeof first && begins_proxy_header({first, bytes})) {
    refuse(*s, peer, "a PROXY protocol header from an address that is not in " + s->proxying.setting);
    return;
  }
  s->on_accept(std::move(socket), peer);
}

}  // namespace

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::open(const Address& address, const std::vector<asio::io_context*>& contexts,
                                                 std::string name, Proxying proxying) {
  const std::string where = "listen on " + to_string(address);
  auto state = std::make_shared<State>(*contexts.front(), contexts, std::move(name));
  state->proxying = std::move(proxying);
  error_code error;
  tcp::resolver resolver(*contexts.front());
  const auto found = resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
  if (error) return fail(ErrorKind::kInvalid, where + ": " + error.message());
  const tcp::endpoint endpoint = found.begin()->endpoint();
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(4096, error);
  if (error) return fail(system_error(where, error.value()));
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

namespace {

asio::awaitable<void> accept_loop(std::shared_ptr<Listener::State> s) {
  std::size_t turn = 0;
  bool complained = false;
  while (!s->stopping) {
    asio::io_context& context = *s->contexts[turn++ % s->contexts.size()];
    tcp::socket socket(context);
    const auto [error] = co_await s->acceptor.async_accept(socket, kAwait);
    if (s->stopping) break;
    if (error) {
      // Out of descriptors: the connections that are there matter more. Wait for some to end instead of spinning.
      if (!complained)
        log::error("net", "cannot accept connections", {{"listener", s->name}, {"reason", error.message()}});
      complained = true;
      s->timer.expires_after(std::chrono::milliseconds(200));
      co_await wait(s->timer);
      continue;
    }
    complained = false;
    asio::post(context, [s, moved = std::move(socket)]() mutable { hand_on(s, std::move(moved)); });
  }
}

}  // namespace

void Listener::start(OnAccept on_accept) {
  state_->on_accept = std::move(on_accept);
  net::start(state_->contexts.front()->get_executor(), accept_loop(state_));
}

void Listener::stop() {
  net::post(state_->contexts.front()->get_executor(), [s = state_] {
    s->stopping = true;
    error_code ignored;
    s->acceptor.close(ignored);
    s->timer.cancel();
  });
}

std::uint64_t Listener::refused() const {
  return state_->refused;
}

Address Listener::address() const {
  error_code error;
  const tcp::endpoint endpoint = state_->acceptor.local_endpoint(error);
  return Address{endpoint.address().to_string(), endpoint.port()};
}

}  // namespace resmon::net
