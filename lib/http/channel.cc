#include "http/channel.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <optional>
#include <variant>
#include <vector>

#include "net/await.h"

namespace resmon::http {

namespace beast = boost::beast;
using asio::ip::tcp;
using net::kAwait;

using PlainStream = beast::tcp_stream;
using SecureStream = beast::ssl_stream<beast::tcp_stream>;

struct Channel::State {
  State(tcp::socket socket, net::TlsContext context) : tls(std::move(context)) {
    if (tls)
      stream.emplace<SecureStream>(std::move(socket), *tls);
    else
      stream.emplace<PlainStream>(std::move(socket));
  }

  SecureStream* secure() { return std::get_if<SecureStream>(&stream); }
  PlainStream& lowest() {
    SecureStream* const over = secure();
    return over != nullptr ? beast::get_lowest_layer(*over) : std::get<PlainStream>(stream);
  }

  const net::TlsContext tls;
  std::variant<std::monostate, PlainStream, SecureStream> stream;
};

Channel::Channel(tcp::socket socket, net::TlsContext tls)
    : state_(std::make_unique<State>(std::move(socket), std::move(tls))) {}
Channel::~Channel() = default;
Channel::Channel(Channel&&) noexcept = default;

Channel::executor_type Channel::get_executor() {
  return state_->lowest().get_executor();
}

void Channel::expires_after(std::chrono::nanoseconds time) {
  state_->lowest().expires_after(time);
}

void Channel::expires_at(std::chrono::steady_clock::time_point time) {
  state_->lowest().expires_at(time);
}

void Channel::expires_never() {
  state_->lowest().expires_never();
}

void Channel::close() {
  state_->lowest().close();
}

void Channel::end_sending() {
  error_code ignored;
  state_->lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
}

bool Channel::peer_has_left() const {
  tcp::socket& socket = state_->lowest().socket();
  if (!socket.is_open()) return true;
  pollfd wait{socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&wait, 1, 0) > 0 && (wait.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

asio::awaitable<error_code> Channel::handshake() {
  if (state_->secure() == nullptr) co_return error_code();
  const auto [error] = co_await state_->secure()->async_handshake(asio::ssl::stream_base::server, kAwait);
  co_return error;
}

asio::awaitable<std::pair<error_code, std::size_t>> Channel::read_some(std::span<char> into) {
  const auto [error, n] = co_await async_read_some(asio::buffer(into.data(), into.size()), kAwait);
  co_return std::pair(error, n);
}

asio::awaitable<error_code> Channel::write(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    const auto [error, n] = co_await async_write_some(both, kAwait);
    if (error) co_return error;
    const std::size_t of_first = std::min(n, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(n - of_first);
  }
  co_return error_code();
}

asio::awaitable<void> Channel::discard_input(std::size_t most_bytes) {
  std::vector<char> discard(16U << 10U);
  for (std::size_t taken = 0; taken < most_bytes;) {
    const auto [error, n] = co_await state_->lowest().async_read_some(asio::buffer(discard), kAwait);
    if (error) break;
    taken += n;
  }
}

// Coroutines and Beast come here alike, so that each operation of each kind of stream is compiled once. Beast posts
// through its handlers' executor, which the erased one of Boost 1.81 is too little for; ours is the same.
void Channel::start_read(const MutableBuffers& buffers, Transferred handler) {
  if (SecureStream* const over = state_->secure(); over != nullptr)
    over->async_read_some(buffers, asio::bind_executor(get_executor(), std::move(handler)));
  else
    state_->lowest().async_read_some(buffers, asio::bind_executor(get_executor(), std::move(handler)));
}

void Channel::start_write(const ConstBuffers& buffers, Transferred handler) {
  if (SecureStream* const over = state_->secure(); over != nullptr)
    over->async_write_some(buffers, asio::bind_executor(get_executor(), std::move(handler)));
  else
    state_->lowest().async_write_some(buffers, asio::bind_executor(get_executor(), std::move(handler)));
}

void Channel::start_teardown(beast::role_type role, asio::any_completion_handler<void(error_code)> handler) {
  if (SecureStream* const over = state_->secure(); over != nullptr)
    beast::async_teardown(role, *over, asio::bind_executor(get_executor(), std::move(handler)));
  else
    beast::async_teardown(role, state_->lowest(), asio::bind_executor(get_executor(), std::move(handler)));
}

}  // namespace resmon::http
