#include "net/listener.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "base/log.h"
#include "net/await.h"

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
  bool stopping = false;  // on the first context only
};

namespace {

asio::awaitable<void> accept_loop(std::shared_ptr<Listener::State> s);

}  // namespace

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::open(const Address& address, const std::vector<asio::io_context*>& contexts,
                                                 std::string name) {
  const std::string where = "listen on " + to_string(address);
  auto state = std::make_shared<State>(*contexts.front(), contexts, std::move(name));
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
      co_await s->timer.async_wait(kAwait);
      continue;
    }
    complained = false;
    asio::post(context, [s, moved = std::move(socket)]() mutable { s->on_accept(std::move(moved)); });
  }
}

}  // namespace

void Listener::start(OnAccept on_accept) {
  state_->on_accept = std::move(on_accept);
  asio::co_spawn(*state_->contexts.front(), accept_loop(state_), asio::detached);
}

void Listener::stop() {
  asio::post(*state_->contexts.front(), [s = state_] {
    s->stopping = true;
    error_code ignored;
    s->acceptor.close(ignored);
    s->timer.cancel();
  });
}

Address Listener::address() const {
  error_code error;
  const tcp::endpoint endpoint = state_->acceptor.local_endpoint(error);
  return Address{endpoint.address().to_string(), endpoint.port()};
}

}  // namespace resmon::net
