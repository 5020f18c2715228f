// One connection: requests and their answers, until it ends or becomes a WebSocket.

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/snappy.h"
#include "http/accept.h"
#include "http/gzip.h"
#include "http/server_internal.h"
#include "net/spawn.h"

namespace resmon::http {

namespace {

constexpr std::size_t kHeaderLimitBytes = 16U << 10U;
constexpr std::size_t kGzipFromBytes = 1024;
constexpr std::size_t kUnknownBodyBytes = 16U << 10U;  // of whom nobody has vouched for yet
// Up to this size a network thread parses and compresses itself, in well under a millisecond. Workers do the rest.
constexpr std::size_t kInlineBytes = 64U << 10U;
constexpr std::size_t kInlineGunzipBytes = 256;  // which may stand for a thousand times as much
constexpr std::size_t kReadBytes = 4U << 10U;    // of a head, at first
constexpr std::size_t kMostReadBytes = 64U << 10U;
// The largest unpacked size of a compressed answer of our own.
constexpr std::size_t kPackedPageBytes = 64U << 20U;
// For the pieces of a long answer, one of which waits for its reader; what they are made of is the handler's to bound.
constexpr std::size_t kPieceBytes = 2 * kInlineBytes;
constexpr auto kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 32U << 20U;
constexpr auto kPeerLookEvery = std::chrono::milliseconds(100);

std::span<char> span_of(const asio::mutable_buffer& buffer) {
  return {static_cast<char*>(buffer.data()), buffer.size()};
}

// Whether what came is no HTTP, unlike a connection that is lost, late or over.
inline bool is_malformed(const error_code& error) {
  const error_code over = bhttp::make_error_code(bhttp::error::end_of_stream);
  return error != over && error.category() == over.category();
}

// Looks, while a handler works, whether its client is still there. Nothing is read, so what the client has already sent
// of its next request stays where it is, and it is the same with TLS. A request that is answered at once costs a timer.
class PeerWatch : public std::enable_shared_from_this<PeerWatch> {
 public:
  PeerWatch(std::shared_ptr<Channel> channel, std::shared_ptr<std::atomic<bool>> gone)
      : channel_(std::move(channel)), gone_(std::move(gone)), timer_(channel_->get_executor()) {}

  void start() {
    timer_.expires_after(kPeerLookEvery);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (error || self->stopped_) return;
      if (self->channel_->peer_has_left())
        *self->gone_ = true;
      else
        self->start();
    });
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  const std::shared_ptr<Channel> channel_;
  const std::shared_ptr<std::atomic<bool>> gone_;
  asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace

class Connection {
 public:
  Connection(Server& server, std::shared_ptr<Channel> channel, std::string peer, Connections::Id id)
      : server_(server), channel_(std::move(channel)), peer_(std::move(peer)), id_(id) {}

  asio::awaitable<void> run();

 private:
  enum class Next {
    kGoOn,    // to the next request
    kEnd,     // all is said
    kLinger,  // the answer is out, and the client still sends
    kAbort,   // in the middle of an answer
    kGone,    // became a WebSocket, which has ended
  };

  asio::awaitable<bool> handshake();
  asio::awaitable<Next> serve_one();
  asio::awaitable<error_code> parse_more();
  asio::awaitable<bool> read_head();
  std::optional<Response> refuse_head();
  asio::awaitable<std::optional<Response>> read_body();
  asio::awaitable<std::optional<Response>> unpack(Request& request);
  asio::awaitable<std::optional<Response>> read_form(Request& request);
  asio::awaitable<Response> work_on(std::shared_ptr<Request> request);
  asio::awaitable<Next> answer();
  asio::awaitable<Next> refuse(Response response);
  asio::awaitable<Next> send(Response response, bool head_only);
  asio::awaitable<bool> send_pieces(std::string head, Response& response, bool chunked);
  asio::awaitable<void> pack(Response& response);
  asio::awaitable<void> linger();

  Server& server_;
  const std::shared_ptr<Channel> channel_;
  const std::string peer_;
  const Connections::Id id_;
  beast::flat_buffer buffer_;
  bool first_ = true;

  // State of the present request.
  std::optional<MemoryLease> lease_;
  std::optional<HeadParser> parser_;
  std::size_t head_bytes_ = 0;  // that it holds without its body
  const Route* route_ = nullptr;
  bool method_not_allowed_ = false;
  std::size_t body_limit_ = 0;
  bool lost_ = false;  // nothing can be answered any more
  bool keep_alive_ = false;
  bool takes_gzip_ = false;
  bool takes_chunks_ = false;
};

asio::awaitable<bool> Connection::handshake() {
  channel_->expires_after(server_.options_.header_timeout);
  const error_code error = co_await channel_->handshake();
  if (error) log::debug("http", "TLS handshake failed", {{"address", peer_}, {"reason", error.message()}});
  co_return !error;
}

asio::awaitable<void> Connection::run() {
  if (!co_await handshake()) co_return;
  Next next = Next::kGoOn;
  while (next == Next::kGoOn) next = co_await serve_one();
  parser_.reset();
  lease_.reset();
  if (next == Next::kGone) co_return;
  if (next == Next::kAbort) {
    channel_->close();
    co_return;
  }
  channel_->end_sending();
  if (next == Next::kLinger) co_await linger();
}

// Gives the parser what has arrived, or what arrives next when that is not enough.
asio::awaitable<error_code> Connection::parse_more() {
  while (true) {
    if (buffer_.size() > 0) {
      error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error != bhttp::error::need_more) co_return error;
    }
    const auto [error, n] =
        co_await channel_->read_some(span_of(buffer_.prepare(beast::read_size(buffer_, kMostReadBytes))));
    if (!error) {
      buffer_.commit(n);
      continue;
    }
    if (error != asio::error::eof) co_return error;
    if (!parser_->got_some()) co_return bhttp::error::end_of_stream;
    error_code at_end;
    parser_->put_eof(at_end);
    co_return at_end;
  }
}

// False: the connection ends; a head that is refused has its answer.
asio::awaitable<bool> Connection::read_head() {
  if (buffer_.size() == 0) {
    buffer_.shrink_to_fit();
    if (!first_) {
      // Between requests a connection may rest; a request that has begun may not.
      channel_->expires_after(server_.options_.idle_timeout);
      const auto [error, n] = co_await channel_->read_some(span_of(buffer_.prepare(kReadBytes)));
      lost_ = static_cast<bool>(error);
      if (lost_) co_return false;
      buffer_.commit(n);
    }
  }
  first_ = false;
  channel_->expires_after(server_.options_.header_timeout);
  while (!parser_->is_header_done()) {
    const error_code error = co_await parse_more();
    if (error == beast::error::timeout) ++server_.stats_.late;
    if (error) {
      lost_ = !is_malformed(error);
      if (!lost_) co_await refuse(Response::error(400, "malformed request: " + error.message()));
      co_return false;
    }
    if (lease_->hold(buffer_.capacity())) continue;
    co_await refuse(server_.no_memory());
    co_return false;
  }
  co_return true;
}

// Rejects a request by its head alone, before its body is read.
std::optional<Response> Connection::refuse_head() {
  const auto& head = parser_->get();
  body_limit_ = route_ == nullptr ? kUnknownBodyBytes : route_->body_limit_bytes;
  if (route_ != nullptr && route_->access == Access::kOpen) body_limit_ = std::min(body_limit_, kUnknownBodyBytes);
  if (!lease_->hold(head_bytes_)) return server_.no_memory();
  // Unauthorized writers are rejected before their body is read. So are unauthorized readers, unless the body is a
  // small form, which may contain the token.
  const auto length = parser_->content_length();
  const bool small = parser_->is_done() || (length && *length <= kUnknownBodyBytes);
  if (route_ != nullptr && route_->access != Access::kOpen && !(route_->access == Access::kRead && small)) {
    Request asked;
    if (Status made = make_request(bhttp::request<bhttp::string_body>(head.base()), peer_, asked); !made)
      return Response::error(400, made.error().message);
    server_.identify(asked);
    if (const auto verdict = server_.judge(asked, route_->access); verdict != Server::Verdict::kYes)
      return server_.denied(asked, verdict, route_->access);
  }
  // Beast compares a Content-Length with the limit only as it reads the header.
  if (length && *length > body_limit_)
    return Response::error(413, "request body over " + std::to_string(body_limit_) + " bytes");
  // The announced length is reserved at once, so that an admitted request never runs out of memory.
  if (length && !lease_->hold(head_bytes_ + static_cast<std::size_t>(*length))) return server_.no_memory();
  return std::nullopt;
}

asio::awaitable<std::optional<Response>> Connection::read_body() {
  parser_->body_limit(body_limit_);
  channel_->expires_after(server_.options_.request_timeout);
  if (beast::iequals(parser_->get()[bhttp::field::expect], "100-continue")) {
    co_await channel_->write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  parser_->eager(true);
  while (!parser_->is_done()) {
    const error_code error = co_await parse_more();
    if (error == bhttp::error::body_limit)
      co_return Response::error(413, "request body over " + std::to_string(body_limit_) + " bytes");
    lost_ = error && !is_malformed(error);
    if (lost_) co_return std::nullopt;
    if (error) co_return Response::error(400, "malformed request: " + error.message());
    const std::size_t bytes = head_bytes_ + parser_->get().body().capacity();
    if (bytes > lease_->held_bytes() && !lease_->hold(bytes)) co_return server_.no_memory();
  }
  co_return std::nullopt;
}

// Takes a body out of its gzip or Snappy.
asio::awaitable<std::optional<Response>> Connection::unpack(Request& request) {
  const std::string coding(request.header("content-encoding"));
  if (coding.empty() || beast::iequals(coding, "identity")) co_return std::nullopt;
  const bool snappy = beast::iequals(coding, "snappy");
  if (!snappy && !beast::iequals(coding, "gzip") && !beast::iequals(coding, "x-gzip"))
    co_return Response::error(415, "unsupported Content-Encoding: only gzip and snappy are accepted");
  std::optional<Result<std::string>> unpacked;
  const std::size_t before = lease_->held_bytes();
  const std::function<void()> work = [&] {
    const auto may_hold = [&](std::size_t bytes) { return lease_->hold(before + bytes); };
    unpacked =
        snappy ? unpack_snappy(request.body, body_limit_, may_hold) : gunzip(request.body, body_limit_, may_hold);
  };
  if (request.body.size() > kInlineGunzipBytes)
    co_await run_on(server_.workers_, work);
  else
    work();
  if (unpacked->has_value()) {
    request.body = std::move(**unpacked);
    co_return std::nullopt;
  }
  const Error& error = unpacked->error();
  if (error.kind == ErrorKind::kUnavailable) co_return server_.no_memory();
  co_return Response::error(error.kind == ErrorKind::kLimit ? 413 : 400, error.message);
}

// A form's fields are parameters beside those of the address.
asio::awaitable<std::optional<Response>> Connection::read_form(Request& request) {
  if (route_ == nullptr || route_->body != Body::kForm) co_return std::nullopt;
  const std::string_view type = request.header("content-type");
  const bool is_form = starts_with_any_case(type, "application/x-www-form-urlencoded");
  if (!is_form && !starts_with_any_case(type, "multipart/")) co_return std::nullopt;
  if (!lease_->hold_more(request.body.size())) co_return server_.no_memory();
  Status read;
  const std::function<void()> work = [&] {
    read = is_form ? add_form(request.body, request.query) : add_multipart(type, request.body, request.query);
  };
  if (request.body.size() > kInlineBytes)
    co_await run_on(server_.workers_, work);
  else
    work();
  if (!read) co_return Response::error(400, read.error().message);
  co_return std::nullopt;
}

asio::awaitable<Response> Connection::work_on(std::shared_ptr<Request> request) {
  if (auto refused = co_await unpack(*request)) co_return std::move(*refused);
  if (auto refused = co_await read_form(*request)) co_return std::move(*refused);
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  request->gone = gone;
  const auto watch = std::make_shared<PeerWatch>(channel_, gone);
  watch->start();
  Response response = co_await server_.answer(std::move(request), route_, method_not_allowed_);
  watch->stop();
  if (*gone) ++server_.stats_.gone;
  co_return response;
}

asio::awaitable<Connection::Next> Connection::serve_one() {
  lease_.emplace(server_.memory_);
  server_.connections_->change(id_, Connections::State::kWaiting);
  parser_.emplace();
  parser_->header_limit(kHeaderLimitBytes);
  parser_->body_limit(boost::none);  // the head alone first: its route says how large the body may be
  lost_ = false;
  if (!co_await read_head()) co_return lost_ ? Next::kEnd : Next::kLinger;
  auto& head = parser_->get();
  auto problem = problem_of(*parser_);
  if (!problem) problem = take_target(head);
  if (problem) {
    ++server_.stats_.requests;
    co_return co_await refuse(Response::error(problem->status, problem->text));
  }
  head_bytes_ = buffer_.capacity() + memory_of(head);
  const std::string_view target(head.target().data(), head.target().size());
  const std::string path = percent_decode(target.substr(0, target.find('?')), false);
  const std::string_view method = head.method() == bhttp::verb::head
                                      ? "GET"
                                      : std::string_view(head.method_string().data(), head.method_string().size());
  route_ = server_.router_.find(method, path, method_not_allowed_);

  if (beast::websocket::is_upgrade(head) && route_ != nullptr && route_->socket_handler) {
    const auto asked = std::make_shared<Request>();
    if (Status made = make_request(parser_->release(), peer_, *asked); !made)
      co_return co_await refuse(Response::error(400, made.error().message));
    server_.identify_socket(*asked);
    ++server_.stats_.requests;
    const std::shared_ptr<const Request> request = asked;
    co_await server_.serve_socket(channel_, id_, request, route_);
    co_return Next::kGone;
  }

  std::optional<Response> refused = refuse_head();
  if (!refused) refused = co_await read_body();
  if (lost_) co_return Next::kEnd;
  ++server_.stats_.requests;
  if (refused) co_return co_await refuse(std::move(*refused));
  co_return co_await answer();
}

// Of a request that is read to its end.
asio::awaitable<Connection::Next> Connection::answer() {
  // A handler has its own deadlines; the stream's must not close the connection under it.
  channel_->expires_never();
  server_.connections_->change(id_, Connections::State::kWorking);
  takes_chunks_ = parser_->get().version() >= 11;  // before that the end of the connection is the end of the answer
  keep_alive_ = parser_->keep_alive();
  auto request = std::make_shared<Request>();
  Status made = make_request(parser_->release(), peer_, *request);
  server_.identify(*request);
  takes_gzip_ = takes_gzip(request->header("accept-encoding"));
  const bool head_only = request->head;
  Response response;
  if (made)
    response = co_await work_on(std::move(request));
  else
    response = Response::error(400, made.error().message);
  co_return co_await send(std::move(response), head_only);
}

// Answers a request that is not read to its end.
asio::awaitable<Connection::Next> Connection::refuse(Response response) {
  keep_alive_ = false;
  takes_gzip_ = false;
  co_await send(std::move(response), parser_->get().method() == bhttp::verb::head);
  co_return Next::kLinger;
}

// Packs an answer, or takes it out of its gzip, as its client likes it.
asio::awaitable<void> Connection::pack(Response& response) {
  const bool unpacks = response.already_gzip && !takes_gzip_;
  const bool packs = !response.already_gzip && takes_gzip_ && response.body.size() >= kGzipFromBytes;
  if (!unpacks && !packs) co_return;
  const std::function<void()> work = [&] {
    response.body = packs ? gzip(response.body) : gunzip(response.body, kPackedPageBytes).value_or("");
  };
  if (response.body.size() > kInlineBytes)
    co_await run_on(server_.workers_, work);
  else
    work();
  response.already_gzip = packs;
}

asio::awaitable<Connection::Next> Connection::send(Response response, bool head_only) {
  if (response.more && !head_only && !lease_->hold(kPieceBytes)) response = server_.no_memory();
  if (response.more && !head_only) {
    if (response.status >= 500) ++server_.stats_.failures;
    auto out = head_of(response);
    const bool goes_on = keep_alive_ && takes_chunks_;
    if (takes_gzip_) out.set(bhttp::field::content_encoding, "gzip");
    if (takes_chunks_) out.set(bhttp::field::transfer_encoding, "chunked");
    out.keep_alive(goes_on);
    const bool sent = co_await send_pieces(head_text(out), response, takes_chunks_);
    // It may have millions of values to free.
    const std::function<void()> forget = [&] { response.more = nullptr; };
    co_await run_on(server_.workers_, forget);
    // Not the shape of an answer that is complete.
    if (!sent) co_return Next::kAbort;
    co_return goes_on ? Next::kGoOn : Next::kEnd;
  }
  if (!lease_->hold(response.body.capacity())) response = server_.no_memory();
  co_await pack(response);
  if (!lease_->hold(response.body.capacity())) response = server_.no_memory();
  if (response.status >= 500) ++server_.stats_.failures;
  auto out = head_of(response);
  if (response.already_gzip) out.set(bhttp::field::content_encoding, "gzip");
  out.body() = std::move(response.body);
  out.keep_alive(keep_alive_);
  if (response.status != 204 && response.status != 304) out.prepare_payload();
  if (head_only) out.body().clear();  // Content-Length still says how long it would be
  server_.connections_->change(id_, Connections::State::kSending);
  channel_->expires_after(server_.options_.request_timeout);
  const error_code error = co_await channel_->write(head_text(out), out.body());
  co_return error || !keep_alive_ ? Next::kEnd : Next::kGoOn;
}

// The pieces of a long answer, each when the one before is out. False: the client did not take them all, or there are
// not all.
asio::awaitable<bool> Connection::send_pieces(std::string head, Response& response, bool chunked) {
  const ServerOptions& options = server_.options_;
  const auto deadline = std::chrono::steady_clock::now() + options.answer_timeout;
  GzipStream packer;
  std::string out = std::move(head);
  std::optional<std::string> piece = std::move(response.body);
  while (true) {
    const bool last = !piece;
    if (last && response.cut && *response.cut) co_return false;
    std::string data;
    if (takes_gzip_) {
      const std::function<void()> work = [&] { data = piece ? packer.add(*piece) : packer.finish(); };
      if (piece && piece->size() > kPieceBytes)
        co_await run_on(server_.workers_, work);
      else
        work();
    } else if (piece) {
      data = std::move(*piece);
    }
    if (!data.empty()) out += chunked ? chunk_of(data) : data;
    if (last && chunked) out += "0\r\n\r\n";
    server_.connections_->change(id_, Connections::State::kSending);
    channel_->expires_at(std::min(std::chrono::steady_clock::now() + options.request_timeout, deadline));
    const error_code error = co_await channel_->write(out);
    if (error == beast::error::timeout) ++server_.stats_.slow;
    if (error) co_return false;
    if (last) co_return true;
    out.clear();
    server_.connections_->change(id_, Connections::State::kWorking);
    channel_->expires_never();
    piece = co_await response.more();
  }
}

// Closing on unread input would reset the connection, and the reset would overtake our answer.
asio::awaitable<void> Connection::linger() {
  server_.connections_->change(id_, Connections::State::kWaiting);
  channel_->expires_after(kLingerTime);
  co_await channel_->discard_input(kLingerBytes);
}

asio::awaitable<void> Server::serve(std::shared_ptr<Channel> channel, std::string peer, Connections::Id id) {
  struct Leave {
    std::shared_ptr<Connections> connections;
    Connections::Id id;
    ~Leave() { connections->leave(id); }
  } leave{connections_, id};
  const bool stays =
      connections_->set_close(id, [weak = std::weak_ptr<Channel>(channel), executor = channel->get_executor()] {
        net::post(executor, [weak] {
          if (const auto alive = weak.lock()) alive->close();
        });
      });
  if (!stays) co_return;
  Connection connection(*this, std::move(channel), std::move(peer), id);
  co_await connection.run();
}

}  // namespace resmon::http
