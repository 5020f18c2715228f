#include "notify/line_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace resmon::notify {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr auto kAwaitTuple = asio::as_tuple(asio::use_awaitable);
}

LineStream::LineStream(asio::ip::tcp::socket socket, Duration timeout)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), timeout_(timeout) {}

// From now on `timeout` counts for what follows. The timer is disarmed by the next arming or with the stream.
void LineStream::arm() {
  timer_.expires_after(timeout_);
  timer_.async_wait([this, late = std::weak_ptr(timed_out_)](const error_code& error) {
    const auto alive = late.lock();
    if (error || !alive || timer_.expiry() > std::chrono::steady_clock::now()) return;
    *alive = true;
    close();
  });
}

void LineStream::close() {
  error_code ignored;
  socket_.close(ignored);
}

Error LineStream::error_of(std::string_view doing, const error_code& error) const {
  std::string text = std::string(doing) + ": ";
  if (*timed_out_) return {ErrorKind::kUnavailable, text + "timed out"};
  if (error.category() == asio::error::get_ssl_category()) {
    const char* const reason = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
    return {ErrorKind::kDenied, text + (reason == nullptr ? error.message() : reason)};
  }
  return {ErrorKind::kUnavailable, text + error.message()};
}

asio::awaitable<Status> LineStream::write(std::string_view bytes) {
  arm();
  error_code error;
  if (tls_)
    error = std::get<0>(co_await asio::async_write(*tls_, asio::buffer(bytes.data(), bytes.size()), kAwaitTuple));
  else
    error = std::get<0>(co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), kAwaitTuple));
  timer_.cancel();
  if (error) co_return fail(error_of("write", error));
  co_return Status();
}

asio::awaitable<Result<std::size_t>> LineStream::read_some(std::span<char> buffer) {
  arm();
  error_code error;
  std::size_t size = 0;
  if (tls_)
    std::tie(error, size) = co_await tls_->async_read_some(asio::buffer(buffer.data(), buffer.size()), kAwaitTuple);
  else
    std::tie(error, size) = co_await socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), kAwaitTuple);
  timer_.cancel();
  if (error == asio::error::eof && !*timed_out_) co_return std::size_t{0};
  if (error) co_return fail(error_of("read", error));
  co_return size;
}

asio::awaitable<Status> LineStream::start_tls(net::TlsContext tls, std::string server_name) {
  context_ = std::move(tls);
  tls_.emplace(socket_, *context_);
  SSL* const native = tls_->native_handle();
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
  arm();
  const error_code error = std::get<0>(co_await tls_->async_handshake(asio::ssl::stream_base::client, kAwaitTuple));
  timer_.cancel();
  if (!error) co_return Status();
  const long verified = SSL_get_verify_result(native);
  Error out = error_of("TLS handshake", error);
  if (verified != X509_V_OK) out.message += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
  co_return fail(std::move(out));
}

}  // namespace resmon::notify
