#pragma once

// One connection: requests and their answers, until it ends or becomes a WebSocket.

#include <poll.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "http/gzip.h"
#include "http/server_internal.h"

namespace resmon::http {

inline constexpr std::size_t kHeaderLimitBytes = 16U << 10U;
inline constexpr std::size_t kGzipFromBytes = 1024;
inline constexpr std::size_t kUnknownBodyBytes = 16U << 10U;  // of whom nobody has vouched for yet
inline constexpr auto kLingerTime = std::chrono::seconds(2);
inline constexpr std::size_t kLingerBytes = 32U << 20U;
inline constexpr auto kPeerLookEvery = std::chrono::milliseconds(100);

std::string head_text(const bhttp::response<bhttp::string_body>& response);
std::string chunk_of(std::string_view data);

// Response headers for everything: the page runs only its own scripts and is framed by nobody.
inline constexpr std::pair<const char*, const char*> kSecurityHeaders[] = {
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

// In files of their own.
extern template asio::awaitable<void> Server::serve_socket(std::shared_ptr<PlainStream>, const void*,
                                                           std::shared_ptr<const Request>, const Route*);
extern template asio::awaitable<void> Server::serve_socket(std::shared_ptr<SecureStream>, const void*,
                                                           std::shared_ptr<const Request>, const Route*);

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

    if (beast::websocket::is_upgrade(head) && route != nullptr && route->socket_handler) {
      auto asked = std::make_shared<Request>(make_request(parser.release(), peer));
      identify_socket(*asked);
      const std::shared_ptr<const Request> request = std::move(asked);
      ++stats_.requests;
      co_await serve_socket(stream, leave.key, request, route);
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
    // What is announced is reserved at once: then whoever is let in is let in for good.
    BodyLease lease(*this);
    bool busy = !too_large && !turned_away && parser.content_length() &&
                !lease.grow_to(static_cast<std::size_t>(*parser.content_length()));
    if (!too_large && !turned_away && !busy) {
      if (beast::iequals(head[bhttp::field::expect], "100-continue")) {
        bhttp::response<bhttp::empty_body> go_on(bhttp::status::continue_, 11);
        co_await bhttp::async_write(*stream, go_on, kAwait);
      }
      error_code read_error;
      parser.eager(true);
      while (!parser.is_done() && !busy && !read_error) {
        std::size_t read_bytes = 0;
        std::tie(read_error, read_bytes) = co_await bhttp::async_read_some(*stream, buffer, parser, kAwait);
        busy = !lease.grow_to(parser.get().body().size());
      }
      too_large = read_error == bhttp::error::body_limit;
      if (read_error && !too_large) break;
    }
    ++stats_.requests;
    const unsigned version = parser.get().version();
    const bool keep_alive = parser.keep_alive() && !too_large && !turned_away && !busy;
    auto request = std::make_shared<Request>(make_request(parser.release(), peer));
    identify(*request);
    Response response;
    if (turned_away) {
      response = denied(*request, verdict, route->access);
    } else if (too_large) {
      response = Response::error(413, "request body over " + std::to_string(limit) + " bytes");
    } else if (busy) {
      response = busy_with_bodies();
    } else {
      bool readable = true;
      if (beast::iequals(beast::string_view(request->header("content-encoding")), "gzip")) {
        auto unpacked = gunzip(request->body, limit);
        readable = unpacked.has_value();
        if (readable && lease.grow_to(unpacked->size()))
          request->body = std::move(*unpacked);
        else if (readable)
          busy = true, readable = false, response = busy_with_bodies();
        else
          response = Response::error(unpacked.error().kind == ErrorKind::kLimit ? 413 : 400, unpacked.error().message);
      }
      if (request->header("content-type").starts_with("application/x-www-form-urlencoded"))
        for (auto& pair : parse_form(request->body)) request->query.push_back(std::move(pair));
      for (auto& pair : parse_multipart(request->header("content-type"), request->body))
        request->query.push_back(std::move(pair));
      // A handler has its own deadlines; the stream's must not close the connection under it.
      lowest(*stream).expires_never();
      if (readable) {
        const auto gone = std::make_shared<std::atomic<bool>>(false);
        request->gone = gone;
        const auto watch = std::make_shared<PeerWatch<Stream>>(stream, gone);
        watch->start();
        response = co_await answer(request, route, method_not_allowed);
        watch->stop();
        lease.release();
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
    unread = too_large || turned_away || busy;
    if (write_error || !keep_alive) break;
  }
  error_code ignored;
  lowest(*stream).socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
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
