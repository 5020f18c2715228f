#include "http/server.h"

#include <openssl/evp.h>
#include <poll.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "base/log.h"
#include "http/gzip.h"
#include "net/address.h"

namespace resmon::http {

namespace beast = boost::beast;
namespace bhttp = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kHeaderLimitBytes = 16U << 10U;
constexpr std::size_t kGzipFromBytes = 1024;
constexpr std::size_t kUnknownBodyBytes = 16U << 10U;  // of whom nobody has vouched for yet
constexpr std::size_t kSocketMessageBytes = 64U << 10U;
constexpr auto kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 32U << 20U;
constexpr auto kSocketTokenTimeout = std::chrono::seconds(10);
constexpr auto kPeerLookEvery = std::chrono::milliseconds(100);

template <class Stream>
beast::tcp_stream& lowest(Stream& stream) {
  return beast::get_lowest_layer(stream);
}

std::string decode_base64(std::string_view text) {
  if (text.size() > 4096 || text.size() % 4 != 0) return {};
  std::string out(text.size() / 4 * 3, '\0');
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n < 0) return {};
  std::size_t size = static_cast<std::size_t>(n);
  if (text.ends_with("==")) --size;
  if (text.ends_with('=')) --size;
  out.resize(size);
  return out;
}

// The token of {"token": "…"}; empty when the text is anything else.
std::string token_in(std::string_view text) {
  error_code error;
  const boost::json::value value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return {};
  const boost::json::value* token = value.as_object().if_contains("token");
  return token != nullptr && token->is_string() ? std::string(token->as_string().c_str()) : std::string();
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() > word.size() &&
         beast::iequals(beast::string_view(text.data(), word.size()), beast::string_view(word.data(), word.size())) &&
         text[word.size()] == ' ';
}

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.rfind(':'));
}

bool is_own_origin(const Request& request) {
  const std::string_view origin = request.header("origin");
  const std::size_t scheme = origin.find("://");
  return origin.substr(scheme == std::string_view::npos ? 0 : scheme + 3) == request.header("host");
}

// A browser says with everything but plain reads where it comes from. What says nothing is no browser.
bool comes_from_own_page(const Request& request) {
  if (!request.header("origin").empty()) return is_own_origin(request);
  const std::string_view site = request.header("sec-fetch-site");
  return site.empty() || site == "same-origin";
}

std::string cookie_of(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = header.find(';');
    std::string_view one = header.substr(0, end);
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=')
      return std::string(one.substr(name.size() + 1));
  }
  return {};
}

// Response headers for everything: the page runs only its own scripts and is framed by nobody.
constexpr std::pair<const char*, const char*> kSecurityHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src "
     "'self'; "
     "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
};

template <class Ws>
class WebSocket final : public Socket, public std::enable_shared_from_this<WebSocket<Ws>> {
 public:
  explicit WebSocket(std::shared_ptr<Ws> ws) : ws_(std::move(ws)) {}

  // From now on `welcome` is asked before each message that goes out and after each wait.
  void serve_while(std::function<bool()> welcome) { welcome_ = std::move(welcome); }
  bool turned_away() const { return turned_away_; }

  asio::awaitable<Status> send(std::string text) override {
    const auto self = this->shared_from_this();
    if (!still_welcome()) co_return fail(ErrorKind::kDenied, "who asked may read no longer");
    const auto [error, n] = co_await ws_->async_write(asio::buffer(text), kAwait);
    if (error) co_return fail(ErrorKind::kUnavailable, error.message());
    co_return Status();
  }

  asio::awaitable<Result<std::optional<std::string>>> receive(std::chrono::milliseconds timeout) override {
    const auto self = this->shared_from_this();
    if (!reading_) {
      reading_ = true;
      ws_->async_read(buffer_, [self](const error_code& error, std::size_t) {
        self->error_ = error;
        self->reading_ = false;
        self->timer_.cancel();
      });
    }
    timer_.expires_after(timeout);
    if (reading_) co_await timer_.async_wait(kAwait);
    if (!still_welcome()) co_return fail(ErrorKind::kDenied, "who asked may read no longer");
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

// Looks, while a handler works, whether its client is still there. Nothing is read, so what the client has already sent
// of its next request stays where it is, and it is the same with TLS. A request that is answered at once costs a timer.
template <class Stream>
class PeerWatch : public std::enable_shared_from_this<PeerWatch<Stream>> {
 public:
  PeerWatch(std::shared_ptr<Stream> stream, std::shared_ptr<std::atomic<bool>> gone)
      : stream_(std::move(stream)), gone_(std::move(gone)), timer_(stream_->get_executor()) {}

  void start() {
    timer_.expires_after(kPeerLookEvery);
    timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
      if (!error && !self->stopped_ && !self->look()) self->start();
    });
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  bool look() {
    auto& socket = lowest(*stream_).socket();
    pollfd wait{socket.is_open() ? socket.native_handle() : -1, POLLRDHUP, 0};
    if (wait.fd >= 0 && (::poll(&wait, 1, 0) <= 0 || (wait.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0))
      return false;
    *gone_ = true;
    return true;
  }

  const std::shared_ptr<Stream> stream_;
  const std::shared_ptr<std::atomic<bool>> gone_;
  asio::steady_timer timer_;
  bool stopped_ = false;
};

// The head of an answer whose body follows by itself.
std::string head_text(const bhttp::response<bhttp::string_body>& response) {
  std::string out = "HTTP/1.1 " + std::to_string(response.result_int()) + " " + std::string(response.reason()) + "\r\n";
  for (const auto& field : response) out.append(field.name_string()).append(": ").append(field.value()).append("\r\n");
  return out + "\r\n";
}

std::string chunk_of(std::string_view data) {
  char size[20];
  const int n = std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  std::string out(size, static_cast<std::size_t>(n));
  out.append(data).append("\r\n");
  return out;
}

// The pieces of a long answer, each when the one before is out. False: the client did not take them all.
template <class Stream>
asio::awaitable<bool> send_pieces(Stream& stream, std::string head, Response& response, bool gzip, bool chunked,
                                  const ServerOptions& options, ServerStats& stats) {
  const auto deadline = std::chrono::steady_clock::now() + options.answer_timeout;
  GzipStream packer;
  std::string out = std::move(head);
  std::optional<std::string> piece = std::move(response.body);
  while (true) {
    const bool last = !piece;
    std::string data;
    if (piece)
      data = gzip ? packer.add(*piece) : std::move(*piece);
    else if (gzip)
      data = packer.finish();
    if (!data.empty()) out += chunked ? chunk_of(data) : data;
    if (last && chunked) out += "0\r\n\r\n";
    lowest(stream).expires_at(std::min(std::chrono::steady_clock::now() + options.request_timeout, deadline));
    const auto [error, n] = co_await asio::async_write(stream, asio::buffer(out), kAwait);
    if (error == beast::error::timeout) ++stats.slow;
    if (error) co_return false;
    if (last) co_return true;
    out.clear();
    lowest(stream).expires_never();
    piece = co_await response.more();
  }
}

Request make_request(bhttp::request<bhttp::string_body>&& raw, const std::string& peer) {
  Request request;
  request.method = std::string(raw.method_string());
  request.head = request.method == "HEAD";
  if (request.head) request.method = "GET";
  const std::string_view target(raw.target().data(), raw.target().size());
  const std::size_t question = target.find('?');
  request.path = percent_decode(target.substr(0, question), false);
  if (question != std::string_view::npos) request.query = parse_form(target.substr(question + 1));
  for (const auto& field : raw) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    request.headers.emplace(std::move(name), std::string(field.value()));
  }
  request.body = std::move(raw.body());
  request.peer = peer;
  return request;
}

}  // namespace

// What stop() closes.
struct Server::Connections {
  std::mutex mutex;
  std::map<const void*, std::function<void()>> closers;  // guarded by mutex
  bool stopping = false;                                 // guarded by mutex
};

Server::Server(ServerOptions options, net::TokenSet tokens, const Router& router)
    : options_(std::move(options)),
      tokens_(std::move(tokens)),
      router_(router),
      connections_(std::make_shared<Connections>()) {}

Server::~Server() = default;

void Server::stop() {
  std::map<const void*, std::function<void()>> closers;
  {
    std::lock_guard lock(connections_->mutex);
    connections_->stopping = true;
    closers.swap(connections_->closers);
  }
  for (const auto& [key, close] : closers) close();
}

void Server::accept(tcp::socket socket) {
  ++stats_.connections;
  if (stats_.open.load() >= options_.max_connections) {
    ++stats_.refused;
    return;  // closing the socket is all that is safe to do for free
  }
  error_code error;
  const tcp::endpoint endpoint = socket.remote_endpoint(error);
  if (error) return;
  const std::string peer = net::to_string({endpoint.address().to_string(), endpoint.port()});
  const auto executor = socket.get_executor();
  ++stats_.open;
  const auto ended = [this](const std::exception_ptr& failure) {
    --stats_.open;
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      log::error("http", "connection ended by an exception", {{"reason", e.what()}});
    }
  };
  if (options_.tls)
    asio::co_spawn(
        executor, serve(std::make_shared<beast::ssl_stream<beast::tcp_stream>>(std::move(socket), *options_.tls), peer),
        ended);
  else
    asio::co_spawn(executor, serve(std::make_shared<beast::tcp_stream>(std::move(socket)), peer), ended);
}

std::optional<auth::TokenAccess> Server::token_access(std::string_view token) const {
  if (tokens_.contains(token)) return auth::TokenAccess::kWrite;
  if (options_.guard != nullptr) return options_.guard->token(token);
  return std::nullopt;
}

// The first good token in any of the places where one may be.
std::optional<auth::TokenAccess> Server::access_of_tokens(const Request& request) const {
  const std::string_view authorization = request.header("authorization");
  if (starts_with_word(authorization, "bearer"))
    if (const auto access = token_access(authorization.substr(7))) return access;
  if (starts_with_word(authorization, "token")) {
    const std::string_view token = authorization.substr(6);
    if (const auto access = token_access(token)) return access;
    if (const std::size_t colon = token.find(':'); colon != std::string_view::npos)
      if (const auto access = token_access(token.substr(colon + 1))) return access;
  }
  if (starts_with_word(authorization, "basic")) {
    const std::string decoded = decode_base64(authorization.substr(6));
    if (const std::size_t colon = decoded.find(':'); colon != std::string::npos)
      if (const auto access = token_access(std::string_view(decoded).substr(colon + 1))) return access;
  }
  if (request.has_parameter("p")) return token_access(request.parameter("p"));
  return std::nullopt;
}

bool Server::is_local_read(const Request& request) const {
  if (!options_.local_read_without_token) return false;
  // A proxy on this machine speaks for others.
  for (const std::string_view header : {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})
    if (!request.header(header).empty()) return false;
  if (!net::is_loopback(request.peer_address())) return false;
  if (!net::is_loopback(host_of(request.header("host")))) return false;
  return request.header("origin").empty() || is_own_origin(request);
}

void Server::identify(Request& request) const {
  request.session = cookie_of(request.header("cookie"), kSessionCookie);
  request.user.reset();
  if (options_.guard != nullptr && !request.session.empty()) request.user = options_.guard->session(request.session);
}

// A session is for this server's page: another site must not read the feed with it.
void Server::identify_socket(Request& request) const {
  identify(request);
  if (!request.header("origin").empty() && !is_own_origin(request)) request.user.reset();
}

// A connection may live for weeks, longer than the session or the token that it began with.
bool Server::may_stay(const Request& request, std::string_view token, Access access) const {
  if (!token.empty()) return token_access(token).has_value();
  Request now = request;
  identify_socket(now);
  return allowed(now, access);
}

Server::Verdict Server::judge(const Request& request, Access access) const {
  if (access == Access::kOpen) return Verdict::kYes;
  const auto token = access_of_tokens(request);
  if (access == Access::kRead) {
    if (token || request.user || is_local_read(request)) return Verdict::kYes;
    return Verdict::kUnknown;
  }
  if (access == Access::kWrite && token == auth::TokenAccess::kWrite) return Verdict::kYes;
  if (!request.user) return token ? Verdict::kForbidden : Verdict::kUnknown;
  if (access != Access::kUser && request.user->role != auth::Role::kAdmin) return Verdict::kForbidden;
  // A browser sends the cookie with whatever it is made to send; SameSite keeps other sites from that, and this keeps
  // them off where a browser does not know SameSite or the other site is another port of this machine.
  // A GET that writes is /query with CREATE DATABASE.
  if ((request.method != "GET" || access == Access::kWrite) && !comes_from_own_page(request))
    return Verdict::kForbidden;
  return Verdict::kYes;
}

namespace {

Response denied_as_influxdb_2(bool forbidden) {
  const std::string_view code = forbidden ? "forbidden" : "unauthorized";
  const std::string_view text = forbidden ? "this needs a token that may write, or an administrator"
                                          : "a token is needed: send it as 'Authorization: Token TOKEN'";
  Response response = Response::json("{\"code\":" + json_string(code) + ",\"message\":" + json_string(text) + "}\n",
                                     forbidden ? 403 : 401);
  if (!forbidden) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"resmon\"");
  return response;
}

}  // namespace

Response Server::denied(const Request& request, Verdict verdict, Access access) {
  ++stats_.denied;
  if (request.path.starts_with("/api/v2/")) return denied_as_influxdb_2(verdict == Verdict::kForbidden);
  if (verdict == Verdict::kForbidden)
    return Response::error(403, access == Access::kWrite ? "this needs a token that may write, or an administrator"
                                : access == Access::kUser
                                    ? "this needs a user who is signed in, from this server's page"
                                    : "this needs an administrator, signed in on this server's page");
  Response response = Response::error(401, access == Access::kUser || access == Access::kAdmin
                                               ? "sign in first"
                                               : "a token is needed: send it as 'Authorization: Bearer TOKEN'");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"resmon\"");
  return response;
}

asio::awaitable<Response> Server::answer(std::shared_ptr<const Request> request, const Route* route,
                                         bool method_not_allowed) {
  if (route == nullptr) {
    if (method_not_allowed) co_return Response::error(405, "method not allowed");
    co_return Response::error(404, "not found: " + request->path);
  }
  if (const Verdict verdict = judge(*request, route->access); verdict != Verdict::kYes)
    co_return denied(*request, verdict, route->access);
  if (!route->handler) co_return Response::error(426, "this path speaks WebSocket");
  // co_await is not allowed in a catch block.
  std::string failure;
  try {
    co_return co_await route->handler(request);
  } catch (const std::exception& e) {
    failure = e.what();
  }
  log::error("http", "request failed", {{"path", request->path}, {"reason", failure}});
  co_return Response::error(500, "internal error");
}

template <class Stream>
asio::awaitable<void> Server::serve(std::shared_ptr<Stream> stream, std::string peer) {
  const auto connections = connections_;
  {
    std::lock_guard lock(connections->mutex);
    if (connections->stopping) co_return;
    connections->closers[stream.get()] = [weak = std::weak_ptr<Stream>(stream), executor = stream->get_executor()] {
      asio::post(executor, [weak] {
        if (const auto alive = weak.lock()) lowest(*alive).close();
      });
    };
  }
  struct Leave {
    std::shared_ptr<Connections> connections;
    const void* key;
    ~Leave() {
      std::lock_guard lock(connections->mutex);
      connections->closers.erase(key);
    }
  } leave{connections, stream.get()};

  if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
    lowest(*stream).expires_after(std::chrono::seconds(10));
    const auto [error] = co_await stream->async_handshake(asio::ssl::stream_base::server, kAwait);
    if (error) {
      log::debug("http", "TLS handshake failed", {{"address", peer}, {"reason", error.message()}});
      co_return;
    }
  }
  beast::flat_buffer buffer;
  bool unread = false;
  while (true) {
    bhttp::request_parser<bhttp::string_body> parser;
    parser.header_limit(kHeaderLimitBytes);
    lowest(*stream).expires_after(options_.idle_timeout);
    // The header alone first: its route says how large the body may be.
    parser.body_limit(boost::none);
    {
      const auto [error, n] = co_await bhttp::async_read_header(*stream, buffer, parser, kAwait);
      if (error) {
        if (error != bhttp::error::end_of_stream &&
            error.category() == bhttp::make_error_code(bhttp::error::end_of_stream).category()) {
          bhttp::response<bhttp::string_body> bad(bhttp::status::bad_request, 11);
          bad.body() = "{\"error\":" + json_string("malformed request: " + error.message()) + "}\n";
          bad.set(bhttp::field::content_type, "application/json");
          bad.keep_alive(false);
          bad.prepare_payload();
          co_await bhttp::async_write(*stream, bad, kAwait);
          unread = true;
        }
        break;
      }
    }
    const auto& head = parser.get();
    bool method_not_allowed = false;
    const std::string_view target(head.target().data(), head.target().size());
    const std::string path = percent_decode(target.substr(0, target.find('?')), false);
    const std::string_view method = head.method() == bhttp::verb::head
                                        ? "GET"
                                        : std::string_view(head.method_string().data(), head.method_string().size());
    const Route* route = router_.find(method, path, method_not_allowed);

    if (websocket::is_upgrade(head) && route != nullptr && route->socket_handler) {
      auto asked = std::make_shared<Request>(make_request(parser.release(), peer));
      identify_socket(*asked);
      const std::shared_ptr<const Request> request = std::move(asked);
      ++stats_.requests;
      lowest(*stream).expires_never();
      auto ws = std::make_shared<websocket::stream<Stream>>(std::move(*stream));
      {
        std::lock_guard lock(connections->mutex);
        connections->closers[leave.key] = [weak = std::weak_ptr(ws), executor = ws->get_executor()] {
          asio::post(executor, [weak] {
            if (const auto alive = weak.lock()) lowest(*alive).close();
          });
        };
      }
      auto timeouts = websocket::stream_base::timeout::suggested(beast::role_type::server);
      timeouts.idle_timeout = std::chrono::seconds(60);
      timeouts.keep_alive_pings = true;
      ws->set_option(timeouts);
      ws->read_message_max(kSocketMessageBytes);
      bhttp::request<bhttp::string_body> raw(bhttp::verb::get, request->path, 11);
      for (const auto& [name, value] : request->headers) raw.set(name, value);
      const auto [error] = co_await ws->async_accept(raw, kAwait);
      if (error) co_return;
      const auto socket = std::make_shared<WebSocket<websocket::stream<Stream>>>(ws);
      bool welcome = allowed(*request, route->access);
      std::string token;
      if (!welcome) {
        // A browser cannot send a header with an upgrade: {"token": "…"} in its first message does as well.
        const auto first = co_await socket->receive(kSocketTokenTimeout);
        if (first.has_value() && first->has_value()) token = token_in(**first);
        welcome = token_access(token).has_value();
      }
      if (welcome) {
        socket->serve_while([this, request, token = std::move(token), access = route->access] {
          return may_stay(*request, token, access);
        });
        co_await route->socket_handler(request, socket);
        if (socket->turned_away())
          co_await ws->async_close(websocket::close_reason(websocket::close_code::policy_error, "sign in again"),
                                   kAwait);
        else
          co_await ws->async_close(websocket::close_code::normal, kAwait);
      } else {
        ++stats_.denied;
        co_await ws->async_close(websocket::close_reason(websocket::close_code::policy_error, "a token is needed"),
                                 kAwait);
      }
      co_return;
    }

    std::size_t limit = route == nullptr ? kUnknownBodyBytes : route->body_limit_bytes;
    if (route != nullptr && route->access == Access::kOpen) limit = std::min(limit, kUnknownBodyBytes);
    // Beast compares a Content-Length with the limit only as it reads the header.
    bool too_large = parser.content_length() && *parser.content_length() > limit;
    // Who may not write is told before anything large is read for them. Who may not read neither, unless the body is
    // small: a form may have the token in it.
    const bool small = parser.is_done() || (parser.content_length() && *parser.content_length() <= kUnknownBodyBytes);
    Verdict verdict = Verdict::kYes;
    if (route != nullptr && route->access != Access::kOpen && !(route->access == Access::kRead && small)) {
      Request asked = make_request(bhttp::request<bhttp::string_body>(head.base()), peer);
      identify(asked);
      verdict = judge(asked, route->access);
    }
    const bool turned_away = verdict != Verdict::kYes;
    parser.body_limit(limit);
    lowest(*stream).expires_after(options_.request_timeout);
    if (!too_large && !turned_away) {
      if (beast::iequals(head[bhttp::field::expect], "100-continue")) {
        bhttp::response<bhttp::empty_body> go_on(bhttp::status::continue_, 11);
        co_await bhttp::async_write(*stream, go_on, kAwait);
      }
      const auto [read_error, read_bytes] = co_await bhttp::async_read(*stream, buffer, parser, kAwait);
      too_large = read_error == bhttp::error::body_limit;
      if (read_error && !too_large) break;
    }
    ++stats_.requests;
    const unsigned version = parser.get().version();
    const bool keep_alive = parser.keep_alive() && !too_large && !turned_away;
    auto request = std::make_shared<Request>(make_request(parser.release(), peer));
    identify(*request);
    Response response;
    if (turned_away) {
      response = denied(*request, verdict, route->access);
    } else if (too_large) {
      response = Response::error(413, "request body over " + std::to_string(limit) + " bytes");
    } else {
      bool readable = true;
      if (beast::iequals(beast::string_view(request->header("content-encoding")), "gzip")) {
        auto unpacked = gunzip(request->body, limit);
        readable = unpacked.has_value();
        if (readable)
          request->body = std::move(*unpacked);
        else
          response = Response::error(unpacked.error().kind == ErrorKind::kLimit ? 413 : 400, unpacked.error().message);
      }
      if (request->header("content-type").starts_with("application/x-www-form-urlencoded"))
        for (auto& pair : parse_form(request->body)) request->query.push_back(std::move(pair));
      // A handler has its own deadlines; the stream's must not close the connection under it.
      lowest(*stream).expires_never();
      if (readable) {
        const auto gone = std::make_shared<std::atomic<bool>>(false);
        request->gone = gone;
        const auto watch = std::make_shared<PeerWatch<Stream>>(stream, gone);
        watch->start();
        response = co_await answer(request, route, method_not_allowed);
        watch->stop();
        if (*gone) ++stats_.gone;
      }
    }
    if (response.status >= 500) ++stats_.failures;

    bhttp::response<bhttp::string_body> out(static_cast<bhttp::status>(response.status), 11);
    if (response.status != 204) out.set(bhttp::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) out.set(name, value);
    for (const auto& [name, value] : kSecurityHeaders) out.set(name, value);
    const bool takes_gzip = request->header("accept-encoding").find("gzip") != std::string_view::npos;
    if (response.more && !request->head) {
      const bool chunked = version >= 11;  // before that the end of the connection is the end of the answer
      const bool goes_on = keep_alive && chunked;
      out.set(bhttp::field::vary, "Accept-Encoding");
      if (takes_gzip) out.set(bhttp::field::content_encoding, "gzip");
      if (chunked) out.set(bhttp::field::transfer_encoding, "chunked");
      out.keep_alive(goes_on);
      if (!co_await send_pieces(*stream, head_text(out), response, takes_gzip, chunked, options_, stats_)) {
        // Not the shape of an answer that is complete.
        lowest(*stream).close();
        co_return;
      }
      if (!goes_on) break;
      continue;
    }
    if (response.already_gzip && !takes_gzip) {
      response.body = gunzip(response.body, 64U << 20U).value_or("");
      response.already_gzip = false;
    } else if (!response.already_gzip && takes_gzip && response.body.size() >= kGzipFromBytes) {
      response.body = gzip(response.body);
      response.already_gzip = true;
    }
    if (response.already_gzip) out.set(bhttp::field::content_encoding, "gzip");
    out.set(bhttp::field::vary, "Accept-Encoding");
    out.body() = std::move(response.body);
    out.keep_alive(keep_alive);
    if (response.status != 204 && response.status != 304) out.prepare_payload();
    if (request->head) out.body().clear();  // Content-Length still says how long it would be
    lowest(*stream).expires_after(options_.request_timeout);
    bhttp::response_serializer<bhttp::string_body> serializer(out);
    if (request->head) serializer.split(true);
    const auto [write_error, written] = request->head ? co_await bhttp::async_write_header(*stream, serializer, kAwait)
                                                      : co_await bhttp::async_write(*stream, serializer, kAwait);
    unread = too_large || turned_away;
    if (write_error || !keep_alive) break;
  }
  error_code ignored;
  lowest(*stream).socket().shutdown(tcp::socket::shutdown_send, ignored);
  if (!unread) co_return;
  // Closing on unread input would reset the connection, and the reset would overtake our answer.
  lowest(*stream).expires_after(kLingerTime);
  std::vector<char> discard(16U << 10U);
  for (std::size_t taken = 0; taken < kLingerBytes;) {
    const auto [error, n] = co_await lowest(*stream).async_read_some(asio::buffer(discard), kAwait);
    if (error) break;
    taken += n;
  }
}

}  // namespace resmon::http
