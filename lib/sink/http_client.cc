// The only file of the library that sees Beast. Every step has its deadline: net::dial's for resolving and connecting,
// beast::tcp_stream's own for handshake, writing and reading, which ends the operation and not only the wait for it.
// A body is sent in pieces, each with a deadline of its own: a slow connection succeeds, a dead one times out.
//
// A server may answer before it has read the request (413) and then close: a failed write is therefore followed by an
// attempt to read an answer. And it may have closed a kept connection just before: a request that dies on a used
// connection without a byte of answer is sent once more on a new one.

#include "sink/http_client.h"

#include <openssl/ssl.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>
#include <utility>

#include "net/dial.h"
#include "net/tls.h"

namespace resmon::sink {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

auto into(error_code& code) {
  return asio::redirect_error(asio::use_awaitable, code);
}

class HttpClient final : public Transport {
 public:
  HttpClient(asio::any_io_executor executor, Url url, HttpClientOptions options, std::optional<asio::ssl::context> tls)
      : executor_(std::move(executor)),
        url_(std::move(url)),
        options_(std::move(options)),
        tls_(std::move(tls)),
        dialing_(options_.names) {
    dialing_.resolver = options_.resolver;
  }

  asio::awaitable<Result<HttpAnswer>> send(const HttpRequest& request) override {
    closed_ = false;
    const bool reused = connected();
    bool answered = false;
    Result<HttpAnswer> answer = co_await attempt(request, answered);
    if (!answer && reused && !answered && !closed_) {
      answer = co_await attempt(request, answered);
      if (answer) answer->after_loss = true;
    }
    if (!answer) {
      dialing_.failed();
      drop();
    }
    co_return answer;
  }

  void close() override {
    closed_ = true;
    dialing_.abandon();
    drop();
  }

 private:
  bool connected() const { return plain_ || encrypted_; }

  // Closes the socket; operations under way end with an error. The stream itself is freed by the next connect, because
  // its operations may still refer to it.
  void drop() {
    if (plain_) plain_->close();
    if (encrypted_) beast::get_lowest_layer(*encrypted_).close();
    broken_ = true;
  }

  std::string where() const { return (url_.tls ? "https://" : "http://") + url_.authority(); }

  Unexpected<Error> failure(std::string_view step, const error_code& code) {
    std::string reason = code == beast::error::timeout ? "timed out" : code.message();
    if (code == http::error::end_of_stream || code == http::error::partial_message || code == asio::error::eof)
      reason = "connection closed by the server";
    return fail(ErrorKind::kUnavailable, where() + ": " + std::string(step) + ": " + reason);
  }

  asio::awaitable<Result<HttpAnswer>> attempt(const HttpRequest& request, bool& answered) {
    if (!connected() || broken_) {
      if (Status status = co_await connect(); !status) co_return fail(std::move(status).error());
    }
    if (encrypted_) co_return co_await exchange(*encrypted_, request, answered);
    co_return co_await exchange(*plain_, request, answered);
  }

  asio::awaitable<Status> connect() {
    plain_.reset();
    encrypted_.reset();
    broken_ = false;
    error_code code;
    const net::Address address{url_.host, url_.port};
    auto socket = co_await net::dial(address, options_.timeout, dialing_);
    if (!socket) co_return fail(std::move(socket).error().wrap(where()));
    if (closed_) co_return failure("connect", asio::error::operation_aborted);
    PlainStream stream(std::move(*socket));
    stream.socket().set_option(tcp::no_delay(true), code);
    if (!url_.tls) {
      plain_.emplace(std::move(stream));
      co_return Status();
    }
    encrypted_.emplace(std::move(stream), *tls_);
    error_code not_an_address;
    asio::ip::make_address(url_.host, not_an_address);
    if (not_an_address) SSL_set_tlsext_host_name(encrypted_->native_handle(), url_.host.c_str());
    if (options_.tls_verify) encrypted_->set_verify_callback(asio::ssl::host_name_verification(url_.host));
    beast::get_lowest_layer(*encrypted_).expires_after(options_.timeout);
    co_await encrypted_->async_handshake(asio::ssl::stream_base::client, into(code));
    if (code) {
      const long verify = SSL_get_verify_result(encrypted_->native_handle());
      broken_ = true;
      if (verify != X509_V_OK)
        co_return fail(ErrorKind::kDenied,
                       where() + ": TLS: certificate refused: " + X509_verify_cert_error_string(verify));
      co_return failure("TLS handshake", code);
    }
    co_return Status();
  }

  http::request<http::span_body<const char>> message_for(const HttpRequest& request) const {
    const bool has_body = request.method != Method::kGet;
    const http::verb verb = request.method == Method::kPost  ? http::verb::post
                            : request.method == Method::kPut ? http::verb::put
                                                             : http::verb::get;
    http::request<http::span_body<const char>> message(verb, request.target, 11);
    message.set(http::field::host, url_.authority());
    message.set(http::field::user_agent, "resmon");
    if (has_body) message.set(http::field::content_type, request.content_type);
    message.set(http::field::accept, "application/json");
    if (request.gzip) message.set(http::field::content_encoding, "gzip");
    if (!request.authorization.empty()) message.set(http::field::authorization, request.authorization);
    for (const auto& [name, value] : request.headers) message.set(name, value);
    message.body() = {request.body.data(), request.body.size()};
    message.prepare_payload();
    return message;
  }

  static HttpAnswer answer_of(const http::response<http::buffer_body>& head) {
    HttpAnswer answer;
    answer.status = static_cast<int>(head.result_int());
    answer.content_type = head[http::field::content_type].substr(0, kMostLocationBytes);
    answer.retry_after = head[http::field::retry_after];
    answer.server_version = head["X-Influxdb-Version"].substr(0, kMostWordBytes);
    answer.server_build = head["X-Influxdb-Build"].substr(0, kMostWordBytes);
    answer.location = head[http::field::location].substr(0, kMostLocationBytes);
    return answer;
  }

  template <class Stream>
  asio::awaitable<Result<HttpAnswer>> exchange(Stream& stream, const HttpRequest& request, bool& answered) {
    auto& lowest = beast::get_lowest_layer(stream);
    const http::request<http::span_body<const char>> message = message_for(request);
    error_code write_error;
    http::request_serializer<http::span_body<const char>> serializer(message);
    while (!serializer.is_done() && !write_error) {
      lowest.expires_after(options_.timeout);
      co_await http::async_write_some(stream, serializer, into(write_error));
    }

    beast::flat_buffer buffer(options_.answer_bytes + kMostHeaderBytes);
    // The body is read through a buffer of ours: Beast's string_body would refuse, or reserve, what a server only
    // announces.
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    parser.header_limit(kMostHeaderBytes);
    error_code code;
    // One deadline for the whole answer: a server that trickles it does not hold the sink for ever.
    lowest.expires_after(options_.timeout);
    co_await http::async_read_header(stream, buffer, parser, into(code));
    answered = parser.got_some();
    if (!parser.is_header_done()) {
      drop();
      co_return write_error ? failure("write", write_error) : failure("read", code);
    }
    std::string body;
    char part[4096];
    while (!code && !parser.is_done() && body.size() < options_.answer_bytes) {
      parser.get().body() = {part, sizeof part, true};
      co_await http::async_read(stream, buffer, parser, into(code));
      if (code == http::error::need_buffer) code = {};
      body.append(part, sizeof part - parser.get().body().size);
    }
    if (code && !is_error(parser.get().result_int())) {
      // A success that broke off is not one to trust.
      drop();
      co_return failure("read", code);
    }
    dialing_.worked();
    HttpAnswer answer = answer_of(parser.get());
    // Bytes behind the answer would be taken for the next one's.
    const bool keep = parser.is_done() && !write_error && parser.get().keep_alive() && buffer.size() == 0;
    answer.body = std::move(body);
    if (!keep) drop();
    co_return answer;
  }

  static bool is_error(unsigned status) { return status >= 400; }
  static constexpr std::uint32_t kMostHeaderBytes = 16U << 10U;
  static constexpr std::size_t kMostWordBytes = 64;
  static constexpr std::size_t kMostLocationBytes = 200;

  asio::any_io_executor executor_;
  const Url url_;
  const HttpClientOptions options_;
  std::optional<asio::ssl::context> tls_;
  net::Dialing dialing_;
  std::optional<PlainStream> plain_;
  std::optional<TlsStream> encrypted_;
  bool broken_ = false;  // the stream is to be replaced
  bool closed_ = false;
};

}  // namespace

HttpClientOptions http_client_options(const SinkOptions& options) {
  HttpClientOptions out;
  out.timeout = options.timeout;
  out.tls_ca_file = options.tls_ca_file;
  out.tls_verify = options.tls_verify;
  return out;
}

Result<std::unique_ptr<Transport>> make_http_client(asio::any_io_executor executor, const Url& url,
                                                    const HttpClientOptions& options) {
  std::optional<asio::ssl::context> tls;
  if (url.tls) {
    tls.emplace(asio::ssl::context::tls_client);
    error_code code;
    SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
    tls->set_verify_mode(options.tls_verify ? asio::ssl::verify_peer : asio::ssl::verify_none, code);
    if (!options.tls_ca_file.empty())
      tls->load_verify_file(options.tls_ca_file, code);
    else if (options.tls_verify)
      RESMON_TRY(net::trust_system_authorities(*tls));
    if (code) return fail(ErrorKind::kInvalid, "tls_ca_file: " + options.tls_ca_file + ": " + code.message());
  }
  return std::unique_ptr<Transport>(std::make_unique<HttpClient>(std::move(executor), url, options, std::move(tls)));
}

}  // namespace resmon::sink
