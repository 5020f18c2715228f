#pragma once

// The HTTP interface for the rest of the server: requests and responses as plain values, handlers as coroutines, and
// the access that each route needs. Only server.cc includes Beast, because of its compile time.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/guard.h"
#include "base/result.h"
#include "http/form.h"

namespace resmon::http {

namespace asio = boost::asio;

struct Request {
  std::string method;  // "GET"
  std::string path;    // "/query", percent-decoded
  Parameters query;    // of the URL, and of the body where the route takes forms: decoded, in order
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case; lines of one name joined
  std::string body;                                         // not compressed any more
  std::string peer;                                         // "127.0.0.1:5123"
  std::string client;             // address that it comes from: of `peer`, or of whom a trusted proxy names
  bool head = false;              // HEAD: method is GET, the body of the response is not sent
  std::string session;            // of the cookie, whether good or not
  std::optional<auth::Who> user;  // who is signed in with it
  // Becomes true when the client closes its connection before it has the answer; within a tenth of a second or so.
  std::shared_ptr<const std::atomic<bool>> gone = std::make_shared<const std::atomic<bool>>(false);

  // The first parameter of that name, or empty.
  std::string_view parameter(std::string_view name) const;
  bool has_parameter(std::string_view name) const;
  std::string_view header(std::string_view lower_case_name) const;
  std::string_view cookie(std::string_view name) const;  // empty: it has none of that name
  std::string_view peer_address() const;                 // without port and brackets
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool already_gzip = false;  // the body is gzip; it is unpacked for a client that does not take that
  // If set, `body` is only the beginning: what this gives follows, until it gives nothing. Asked for the next piece
  // when the client has taken those before, so what waits for a slow reader is one piece.
  std::function<asio::awaitable<std::optional<std::string>>()> more;
  // Set before `more` gives nothing because it cannot go on: the connection then ends without the end of an answer, by
  // which the client knows that it is not complete. Null: `more` always goes to its end.
  std::shared_ptr<bool> cut;
  // Which sites may show the answer in a frame, as Content-Security-Policy's frame-ancestors says it. Empty: none.
  std::string frame_ancestors;

  static Response json(std::string body, unsigned status = 200) {
    return {status, "application/json", {}, std::move(body), false, {}, {}, {}};
  }
  static Response text(std::string body, unsigned status = 200) {
    return {status, "text/plain; charset=utf-8", {}, std::move(body), false, {}, {}, {}};
  }
  static Response no_content() { return {204, "application/json", {}, {}, false, {}, {}, {}}; }
  // {"error": message}
  static Response error(unsigned status, std::string_view message);
};

// One WebSocket connection, on one executor. When the session or the token that it began with ends, both operations
// fail with kDenied; that is seen when one of them is called or has waited, so a handler waits a second or so at a
// time.
class Socket {
 public:
  virtual ~Socket() = default;
  virtual asio::awaitable<Status> send(std::string text) = 0;
  // Waits for a message, `timeout` at most: nothing then. An error when the connection is over.
  virtual asio::awaitable<Result<std::optional<std::string>>> receive(std::chrono::milliseconds timeout) = 0;
  virtual asio::any_io_executor executor() const = 0;
};

enum class Access {
  kOpen,   // anyone who reaches the port
  kRead,   // a token or a session; or from this machine when the server allows that
  kWrite,  // a token that may write, or an administrator's session
  kHost,   // any token, also one that is bound to a client's name; or an administrator's session
  kUser,   // a session
  kAdmin,  // an administrator's session. No token: every client has one
};

enum class Body {
  kData,  // the handler's own business, whatever its type says
  kForm,  // may be a form, whose fields are parameters
};

using Handler = std::function<asio::awaitable<Response>(std::shared_ptr<const Request>)>;
using SocketHandler = std::function<asio::awaitable<void>(std::shared_ptr<const Request>, std::shared_ptr<Socket>)>;

struct Route {
  Access access = Access::kRead;
  Handler handler;  // one of the two
  SocketHandler socket_handler;
  std::size_t body_limit_bytes = 1U << 20U;
  Body body = Body::kData;
};

class Router {
 public:
  // Exact paths. GET also answers HEAD.
  void add(std::string method, std::string path, Access access, Handler handler,
           std::size_t body_limit_bytes = 1U << 20U, Body body = Body::kData);
  // Every path that begins with `prefix`, which ends in '/', and is not it, unless it is added itself.
  void add_under(std::string method, std::string prefix, Access access, Handler handler);
  void add_socket(std::string path, Access access, SocketHandler handler);
  // For GETs that no route takes: the page's files.
  void set_fallback(Handler handler);

  // Null: unknown. `method_not_allowed` tells an unknown path from an unknown method.
  const Route* find(std::string_view method, std::string_view path, bool& method_not_allowed) const;

 private:
  using Routes = std::map<std::string, std::map<std::string, Route, std::less<>>, std::less<>>;  // path, then method

  Routes routes_;
  Routes under_;
  Route fallback_;
};

inline constexpr std::string_view kSessionCookie = "resmon_session";

std::string json_string(std::string_view text);  // with its quotes; always valid JSON, whatever the bytes

}  // namespace resmon::http
