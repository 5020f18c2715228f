// The only file of the library that sees Beast, and of it only the parser: bytes go through net::Stream, so that
// nothing here is compiled once for plain connections and once for TLS. Every step has its deadline, which ends the
// operation and not only the wait for it. A body is sent in pieces, each with a deadline of its own: a slow connection
// succeeds, a dead one times out.
//
// A server may answer before it has read the request (413) and then close: a failed write is therefore followed by an
// attempt to read an answer. And it may have closed a kept connection just before: a request that dies on a used
// connection without a byte of answer is sent once more on a new one.

#include "sink/http_client.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "net/dial.h"
#include "net/stream.h"
#include "net/tls.h"

namespace resmon::sink {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::size_t kPieceBytes = 16U << 10U;

class HttpClient final : public Transport {
 public:
  HttpClient(asio::any_io_executor executor, Url url, HttpClientOptions options, net::TlsContext tls)
      : executor_(std::move(executor)),
        url_(std::move(url)),
        options_(std::move(options)),
        tls_(std::move(tls)),
        dialing_(options_.names) {
    dialing_.resolver = options_.resolver;
  }

  asio::awaitable<Result<HttpAnswer>> send(const HttpRequest& request) override {
    closed_ = false;
    const bool reused = stream_ != nullptr;
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
  using Parser = http::response_parser<http::buffer_body>;

  // Closes the socket; operations under way end with an error, and keep the stream until they have.
  void drop() {
    if (stream_) stream_->close();
    broken_ = true;
  }

  std::string where() const { return (url_.tls ? "https://" : "http://") + url_.authority(); }

  Unexpected<Error> failure(std::string reason) const {
    return fail(ErrorKind::kUnavailable, where() + ": " + std::move(reason));
  }

  asio::awaitable<Result<HttpAnswer>> attempt(const HttpRequest& request, bool& answered) {
    if (!stream_ || broken_) {
      if (Status status = co_await connect(); !status) co_return fail(std::move(status).error());
    }
    const std::shared_ptr<net::Stream> stream = stream_;
    co_return co_await exchange(*stream, request, answered);
  }

  asio::awaitable<Status> connect() {
    stream_.reset();
    broken_ = false;
    const net::Address address{url_.host, url_.port};
    auto socket = co_await net::dial(address, options_.timeout, dialing_);
    if (!socket) co_return fail(std::move(socket).error().wrap(where()));
    if (closed_) co_return failure("connect: closed");
    const auto stream = std::make_shared<net::Stream>(std::move(*socket), nullptr);
    stream_ = stream;
    if (!url_.tls) co_return Status();
    Status secure = co_await stream->start_tls(tls_, url_.host, options_.timeout);
    if (secure) co_return Status();
    broken_ = true;
    if (const std::string refused = stream->certificate_error(); !refused.empty())
      co_return fail(ErrorKind::kDenied, where() + ": TLS: certificate refused: " + refused);
    co_return failure(std::move(secure).error().message);
  }

  std::string head_for(const HttpRequest& request) const {
    const bool has_body = request.method != Method::kGet;
    http::fields fields;
    fields.set(http::field::host, url_.authority());
    fields.set(http::field::user_agent, "resmon");
    if (has_body) fields.set(http::field::content_type, request.content_type);
    fields.set(http::field::accept, "application/json");
    if (request.gzip) fields.set(http::field::content_encoding, "gzip");
    if (!request.authorization.empty()) fields.set(http::field::authorization, request.authorization);
    for (const auto& [name, value] : request.headers) fields.set(name, value);
    if (has_body) fields.set(http::field::content_length, std::to_string(request.body.size()));
    std::string head = request.method == Method::kPost ? "POST " : request.method == Method::kPut ? "PUT " : "GET ";
    head += request.target;
    head += " HTTP/1.1\r\n";
    for (const auto& field : fields) {
      head += std::string_view(field.name_string().data(), field.name_string().size());
      head += ": ";
      head += std::string_view(field.value().data(), field.value().size());
      head += "\r\n";
    }
    return head + "\r\n";
  }

  asio::awaitable<Status> write(net::Stream& stream, const HttpRequest& request) const {
    std::string first = head_for(request);
    std::string_view body = request.body;
    const std::size_t with_head = std::min(body.size(), kPieceBytes);
    first += body.substr(0, with_head);
    body.remove_prefix(with_head);
    Status status = co_await stream.write(first, options_.timeout);
    while (status && !body.empty()) {
      const std::string_view piece = body.substr(0, kPieceBytes);
      body.remove_prefix(piece.size());
      status = co_await stream.write(piece, options_.timeout);
    }
    co_return status;
  }

  // Gives the parser what has arrived, or what arrives next when that is not enough.
  static asio::awaitable<Status> parse_more(net::Stream& stream, beast::flat_buffer& buffer, Parser& parser,
                                            steady_clock::time_point until) {
    error_code code;
    while (true) {
      if (buffer.size() > 0) {
        buffer.consume(parser.put(buffer.data(), code));
        if (code != http::error::need_more) break;
      }
      const auto space = buffer.prepare(beast::read_size(buffer, kPieceBytes));
      const std::span<char> into(static_cast<char*>(space.data()), space.size());
      auto got = co_await stream.read_some(into, until - steady_clock::now());
      if (!got) co_return fail(std::move(got).error());
      buffer.commit(*got);
      if (*got > 0) continue;
      code.clear();
      // A body can end with the connection, but not where that was cut off.
      if (parser.got_some() && !stream.cut_off())
        parser.put_eof(code);
      else
        code = http::error::end_of_stream;
      break;
    }
    // There is no room for all of the body yet.
    if (!code || code == http::error::need_buffer) co_return Status();
    const bool ended = code == http::error::end_of_stream || code == http::error::partial_message;
    co_return fail(ErrorKind::kUnavailable, "read: " + (ended ? "connection closed by the server" : code.message()));
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

  asio::awaitable<Result<HttpAnswer>> exchange(net::Stream& stream, const HttpRequest& request, bool& answered) {
    const Status written = co_await write(stream, request);
    beast::flat_buffer buffer(options_.answer_bytes + kMostHeaderBytes);
    // The body is read through a buffer of ours: Beast's string_body would refuse, or reserve, what a server only
    // announces.
    Parser parser;
    parser.body_limit(boost::none);
    parser.header_limit(kMostHeaderBytes);
    // One deadline for the whole answer: a server that trickles it does not hold the sink for ever.
    const auto until = steady_clock::now() + options_.timeout;
    Status read;
    while (read && !parser.is_header_done()) read = co_await parse_more(stream, buffer, parser, until);
    answered = parser.got_some();
    if (!parser.is_header_done()) {
      drop();
      co_return failure(written ? read.error().message : written.error().message);
    }
    std::string body;
    std::array<char, 4096> part;
    parser.eager(true);
    while (read && !parser.is_done() && body.size() < options_.answer_bytes) {
      parser.get().body() = {part.data(), part.size(), true};
      read = co_await parse_more(stream, buffer, parser, until);
      body.append(part.data(), part.size() - parser.get().body().size);
    }
    if (!read && !is_error(parser.get().result_int())) {
      // A success that broke off is not one to trust.
      drop();
      co_return failure(read.error().message);
    }
    dialing_.worked();
    HttpAnswer answer = answer_of(parser.get());
    // Bytes behind the answer would be taken for the next one's.
    const bool keep = parser.is_done() && written && parser.get().keep_alive() && buffer.size() == 0;
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
  const net::TlsContext tls_;
  net::Dialing dialing_;
  std::shared_ptr<net::Stream> stream_;
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
  net::TlsContext tls;
  if (url.tls) {
    tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
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
