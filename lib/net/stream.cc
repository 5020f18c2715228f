#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "net/await.h"

namespace resmon::net {

namespace {

using asio::ip::tcp;
using boost::system::error_code;

std::string endpoint_text(const tcp::endpoint& endpoint) {
  return to_string(Address{endpoint.address().to_string(), endpoint.port()});
}

}  // namespace

// The socket and its two deadlines. A timer that fires closes the socket; the operation then ends by itself and sees
// why.
struct Stream::State {
  State(tcp::socket s, TlsContext context)
      : tls_context(std::move(context)),
        socket(std::move(s)),
        read_timer(socket.get_executor()),
        write_timer(socket.get_executor()) {}

  TlsContext tls_context;
  tcp::socket socket;  // moved from once tls is set
  std::optional<asio::ssl::stream<tcp::socket>> tls;
  asio::steady_timer read_timer;
  asio::steady_timer write_timer;
  bool timed_out = false;
  bool cut_off = false;
  std::string peer;
  std::shared_ptr<char> alive = std::make_shared<char>();

  tcp::socket& lowest() { return tls ? tls->next_layer() : socket; }

  void name_peer() {
    error_code error;
    const tcp::endpoint endpoint = lowest().remote_endpoint(error);
    peer = error ? "unknown" : endpoint_text(endpoint);
  }

  void prepare() {
    error_code ignored;
    lowest().set_option(tcp::no_delay(true), ignored);
    lowest().set_option(asio::socket_base::keep_alive(true), ignored);
  }

  void close() {
    error_code ignored;
    lowest().close(ignored);
  }

  // Arms `timer`; destroyed, disarms it.
  struct Deadline {
    Deadline(State& s, asio::steady_timer& t, Timeout timeout) : state(s), timer(t) {
      timer.expires_after(timeout);
      // An expiry may already be queued when the state goes away, or when the timer is armed anew: hence `alive` and
      // expiry().
      timer.async_wait([&s, &t, alive = std::weak_ptr(s.alive)](const error_code& error) {
        if (error || alive.expired() || t.expiry() > std::chrono::steady_clock::now()) return;
        s.timed_out = true;
        s.close();
      });
    }
    ~Deadline() { timer.expires_at(std::chrono::steady_clock::time_point::max()); }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    State& state;
    asio::steady_timer& timer;
  };

  std::string certificate_error() {
    const long verify = tls ? SSL_get_verify_result(tls->native_handle()) : X509_V_OK;
    return verify == X509_V_OK ? "" : X509_verify_cert_error_string(verify);
  }

  Error error_of(std::string_view doing, const error_code& error) {
    std::string message(doing);
    message += ": ";
    if (timed_out) return Error{ErrorKind::kUnavailable, message + "timed out"};
    if (error.category() == asio::error::get_ssl_category()) {
      const char* reason = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
      message += reason == nullptr ? error.message() : reason;
      if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_WRONG_VERSION_NUMBER)
        message += ": the other side does not use TLS";
      if (const std::string refused = certificate_error(); !refused.empty()) message += " (" + refused + ")";
      return Error{ErrorKind::kDenied, message};
    }
    return Error{ErrorKind::kUnavailable, message + error.message()};
  }
};

Stream::Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}

Stream::Stream(tcp::socket socket, TlsContext tls, std::string peer)
    : state_(std::make_unique<State>(std::move(socket), std::move(tls))) {
  state_->name_peer();
  if (!peer.empty()) state_->peer = std::move(peer);
  state_->prepare();
  if (state_->tls_context) state_->tls.emplace(std::move(state_->socket), *state_->tls_context);
}

Stream::~Stream() = default;

asio::awaitable<Result<std::shared_ptr<Stream>>> Stream::connect(Address address, TlsContext tls,
                                                                 std::string server_name, Timeout timeout,
                                                                 Dialing* dialing) {
  const std::string where = to_string(address);
  Dialing unnamed;
  if (dialing == nullptr) dialing = &unnamed;
  auto socket = co_await dial(address, timeout, *dialing);
  if (!socket) co_return fail(std::move(socket).error().wrap(where));
  auto state = std::make_unique<State>(std::move(*socket), tls);
  state->name_peer();
  state->prepare();
  const std::shared_ptr<Stream> stream(new Stream(std::move(state)));
  if (tls) {
    // Closing the socket ends the handshake.
    const Dialing::OnAbandon abandoned(*dialing, [s = stream->state_.get()] { s->close(); });
    Status secure = co_await stream->start_tls(tls, server_name.empty() ? address.host : server_name, timeout);
    if (!secure) co_return fail(std::move(secure).error().wrap(where));
  }
  co_return stream;
}

asio::awaitable<Status> Stream::start_tls(TlsContext tls, std::string server_name, Timeout timeout) {
  State& s = *state_;
  s.tls_context = std::move(tls);
  s.tls.emplace(std::move(s.socket), *s.tls_context);
  SSL* const native = s.tls->native_handle();
  // OpenSSL compares the name itself, so that a mismatch is told as one. Server Name Indication is for names, not for
  // addresses (RFC 6066).
  X509_VERIFY_PARAM* const verify = SSL_get0_param(native);
  error_code is_name;
  asio::ip::make_address(server_name, is_name);
  bool set = false;
  if (is_name) {
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = SSL_set_tlsext_host_name(native, server_name.c_str()) == 1 &&
          X509_VERIFY_PARAM_set1_host(verify, server_name.c_str(), 0) == 1;
  } else {
    set = X509_VERIFY_PARAM_set1_ip_asc(verify, server_name.c_str()) == 1;
  }
  if (!set) co_return fail(ErrorKind::kInvalid, "TLS: '" + server_name + "' cannot be the name of a certificate");
  const State::Deadline deadline(s, s.write_timer, timeout);
  const auto [error] = co_await s.tls->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (error) co_return fail(s.error_of("TLS handshake", error));
  co_return Status();
}

std::string Stream::certificate_error() const {
  return state_->certificate_error();
}

asio::awaitable<Status> Stream::handshake(Timeout timeout) {
  State& s = *state_;
  if (!s.tls) co_return Status();
  State::Deadline deadline(s, s.read_timer, timeout);
  const auto [error] = co_await s.tls->async_handshake(asio::ssl::stream_base::server, kAwait);
  if (error) co_return fail(s.error_of("TLS handshake", error));
  co_return Status();
}

asio::awaitable<Result<std::size_t>> Stream::read_some(std::span<char> buffer, Timeout timeout) {
  State& s = *state_;
  State::Deadline deadline(s, s.read_timer, timeout);
  error_code error;
  std::size_t n = 0;
  if (s.tls)
    std::tie(error, n) = co_await s.tls->async_read_some(asio::buffer(buffer.data(), buffer.size()), kAwait);
  else
    std::tie(error, n) = co_await s.socket.async_read_some(asio::buffer(buffer.data(), buffer.size()), kAwait);
  if (!error) co_return n;
  // A peer that closes without TLS's close_notify has ended the stream all the same: our frames say where they end.
  s.cut_off = error == asio::ssl::error::stream_truncated;
  if (!s.timed_out && (error == asio::error::eof || s.cut_off)) co_return std::size_t{0};
  co_return fail(s.error_of("read", error));
}

asio::awaitable<Status> Stream::write(std::string_view bytes, Timeout timeout) {
  State& s = *state_;
  State::Deadline deadline(s, s.write_timer, timeout);
  error_code error;
  std::size_t n = 0;
  if (s.tls)
    std::tie(error, n) = co_await asio::async_write(*s.tls, asio::buffer(bytes.data(), bytes.size()), kAwait);
  else
    std::tie(error, n) = co_await asio::async_write(s.socket, asio::buffer(bytes.data(), bytes.size()), kAwait);
  if (error) co_return fail(s.error_of("write", error));
  co_return Status();
}

bool Stream::cut_off() const {
  return state_->cut_off;
}

void Stream::close() {
  state_->close();
}

void Stream::stop_reading() {
  error_code ignored;
  state_->lowest().shutdown(tcp::socket::shutdown_receive, ignored);
}

asio::awaitable<void> Stream::close_gently(Timeout timeout) {
  State& s = *state_;
  {
    State::Deadline deadline(s, s.read_timer, timeout);
    if (s.tls) co_await s.tls->async_shutdown(kAwait);
    error_code ignored;
    s.lowest().shutdown(tcp::socket::shutdown_send, ignored);
    // Unread input would turn our close into a reset, and a reset discards what the other side has not read yet.
    char discard[1024];
    for (int i = 0; i < 64; ++i) {
      const auto [error, n] = co_await s.lowest().async_read_some(asio::buffer(discard), kAwait);
      if (error) break;
    }
  }
  s.close();
}

const std::string& Stream::peer() const {
  return state_->peer;
}

asio::any_io_executor Stream::executor() const {
  return const_cast<State&>(*state_).lowest().get_executor();
}

}  // namespace resmon::net
