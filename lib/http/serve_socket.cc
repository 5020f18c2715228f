// One WebSocket connection, from the request that asks for it to its end.

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "http/server_internal.h"
#include "net/spawn.h"

namespace resmon::http {

namespace websocket = beast::websocket;

namespace {

using Ws = websocket::stream<Channel>;

constexpr std::size_t kSocketMessageBytes = 64U << 10U;
constexpr auto kSocketTokenTimeout = std::chrono::seconds(10);

// The token of {"token": "…"}; empty when the text is anything else.
std::string token_in(std::string_view text) {
  error_code error;
  const boost::json::value value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return {};
  const boost::json::value* token = value.as_object().if_contains("token");
  return token != nullptr && token->is_string() ? std::string(token->as_string().c_str()) : std::string();
}

class WebSocket final : public Socket, public std::enable_shared_from_this<WebSocket> {
 public:
  explicit WebSocket(std::shared_ptr<Ws> ws) : ws_(std::move(ws)) {}

  // From now on `welcome` is asked before each message that goes out and after each wait.
  void serve_while(std::function<bool()> welcome) { welcome_ = std::move(welcome); }
  bool turned_away() const { return turned_away_; }

  asio::awaitable<Status> send(std::string text) override {
    const auto self = shared_from_this();
    if (!still_welcome()) co_return fail(ErrorKind::kDenied, "the session or token has ended");
    const auto [error, n] = co_await ws_->async_write(asio::buffer(text), kAwait);
    if (error) co_return fail(ErrorKind::kUnavailable, error.message());
    co_return Status();
  }

  asio::awaitable<Result<std::optional<std::string>>> receive(std::chrono::milliseconds timeout) override {
    const auto self = shared_from_this();
    if (!reading_) {
      reading_ = true;
      ws_->async_read(buffer_, [self](const error_code& error, std::size_t) {
        self->error_ = error;
        self->reading_ = false;
        self->timer_.cancel();
      });
    }
    timer_.expires_after(timeout);
    if (reading_) co_await net::wait(timer_);
    if (!still_welcome()) co_return fail(ErrorKind::kDenied, "the session or token has ended");
    if (reading_) co_return std::optional<std::string>();
    if (error_) co_return fail(ErrorKind::kUnavailable, error_.message());
    std::string text = beast::buffers_to_string(buffer_.data());
    buffer_.consume(buffer_.size());
    co_return std::optional<std::string>(std::move(text));
  }

  asio::any_io_executor executor() const override { return const_cast<Ws&>(*ws_).get_executor(); }

 private:
  bool still_welcome() {
    if (welcome_ && !welcome_()) turned_away_ = true;
    return !turned_away_;
  }

  std::shared_ptr<Ws> ws_;
  std::function<bool()> welcome_;
  bool turned_away_ = false;
  asio::steady_timer timer_{ws_->get_executor()};
  beast::flat_buffer buffer_{kSocketMessageBytes};
  bool reading_ = false;
  error_code error_;
};

}  // namespace

asio::awaitable<void> Server::serve_socket(std::shared_ptr<Channel> channel, Connections::Id id,
                                           std::shared_ptr<const Request> request, const Route* route) {
  channel->expires_never();
  auto ws = std::make_shared<Ws>(std::move(*channel));
  const bool stays = connections_->set_close(id, [weak = std::weak_ptr(ws), executor = ws->get_executor()] {
    net::post(executor, [weak] {
      if (const auto alive = weak.lock()) alive->next_layer().close();
    });
  });
  if (!stays) co_return;
  auto timeouts = websocket::stream_base::timeout::suggested(beast::role_type::server);
  timeouts.idle_timeout = std::chrono::seconds(60);
  timeouts.keep_alive_pings = true;
  ws->set_option(timeouts);
  ws->read_message_max(kSocketMessageBytes);
  bhttp::request<bhttp::string_body> raw(bhttp::verb::get, request->path, 11);
  for (const auto& [name, value] : request->headers) raw.set(name, value);
  const auto [error] = co_await ws->async_accept(raw, kAwait);
  if (error) co_return;
  const auto socket = std::make_shared<WebSocket>(ws);
  bool welcome = allowed(*request, route->access);
  std::string token;
  if (!welcome) {
    // A browser cannot send a header with an upgrade: {"token": "…"} in its first message does as well.
    const auto first = co_await socket->receive(kSocketTokenTimeout);
    if (first.has_value() && first->has_value()) token = token_in(**first);
    welcome = token_access(token).has_value();
  }
  if (welcome) {
    connections_->change(id, Connections::State::kWorking);
    socket->serve_while([this, request, token = std::move(token), access = route->access] {
      return may_stay(*request, token, access);
    });
    co_await route->socket_handler(request, socket);
    if (socket->turned_away())
      co_await ws->async_close(websocket::close_reason(websocket::close_code::policy_error, "sign in again"), kAwait);
    else
      co_await ws->async_close(websocket::close_code::normal, kAwait);
  } else {
    ++stats_.denied;
    co_await ws->async_close(websocket::close_reason(websocket::close_code::policy_error, "a token is needed"), kAwait);
  }
}

}  // namespace resmon::http
