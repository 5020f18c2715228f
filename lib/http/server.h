#pragma once

// HTTP/1.1 and WebSocket, with or without TLS, over a Router. Each connection is one coroutine with deadlines and
// bounds; a handler that throws costs its own request only.

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "auth/guard.h"
#include "http/connections.h"
#include "http/memory.h"
#include "http/router.h"
#include "http/trusted_proxies.h"
#include "net/tls.h"
#include "net/token_set.h"

namespace resmon::http {

struct ServerOptions {
  net::TlsContext tls;                               // null: plain HTTP
  bool local_read_without_token = true;              // requests of Access::kRead from this machine need no token
  TrustedProxies trusted_proxies;                    // whose X-Forwarded-For is believed
  const auth::Guard* guard = nullptr;                // users' sessions and API tokens; null: there are none
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds header_timeout{10'000};  // to receive a request's head, once it or the connection began
  std::chrono::seconds request_timeout{30};          // to receive the body of one request, or to send one response
  std::chrono::seconds answer_timeout{600};          // to send a long answer, which comes in pieces, as a whole
  // When there are more, the longest waiting connection ends (http/connections.h).
  std::uint32_t max_connections = 2'000;
  std::uint32_t max_connections_per_address = 500;  // not of this machine's own addresses; 0: any
  // The memory of all requests in progress and their answers. A request beyond it is answered 503.
  std::uint64_t body_memory_bytes = 256U << 20U;
  // Threads for work that would block a network thread's other connections: unpacking, compressing, large forms.
  unsigned workers = 2;
};

struct ServerStats {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused{0};         // too many connections, and none of them waits
  std::atomic<std::uint64_t> ended{0};           // waiting connections that ended for a new one
  std::atomic<std::uint64_t> late{0};            // connections that did not send a request's head in time
  std::atomic<std::uint64_t> denied{0};          // 401 and 403
  std::atomic<std::uint64_t> failures{0};        // 5xx
  std::atomic<std::uint64_t> gone{0};            // clients that left while their request was worked on
  std::atomic<std::uint64_t> slow{0};            // answers that were cut off: their readers were too slow
  std::atomic<std::uint64_t> bodies_refused{0};  // requests answered 503 because of body_memory_bytes
};

class Channel;

class Server {
 public:
  // `router` must outlive the server's last connection and not change any more.
  Server(ServerOptions options, net::TokenSet tokens, const Router& router);
  ~Server();

  // For net::Listener. `from`: the client's address.
  void accept(boost::asio::ip::tcp::socket socket, const boost::asio::ip::tcp::endpoint& from);
  void stop();  // any thread: closes every connection
  void change_tokens(net::TokenSet tokens) { tokens_.replace(std::move(tokens)); }  // any thread
  const ServerStats& stats() const { return stats_; }
  std::uint64_t memory_bytes() const { return memory_->used_bytes(); }  // that requests and answers hold now
  // For handlers whose work would take a network thread milliseconds.
  asio::thread_pool& workers() { return workers_; }

  // Whether `request` has `access`, by one of:
  //   - a token in `Authorization: Bearer`, `Token` or Basic (as the password), or in the parameters u and p; not by a
  //     token that is bound to a client's name;
  //   - the user of its session, who may change something only from a page of this server (Origin);
  //   - a local connection, if that is enough: its Host must name this machine, so that a page from elsewhere has no
  //     access through the browser (DNS rebinding), and it must have no header of a proxy.
  enum class Verdict { kYes, kUnknown, kForbidden, kOnlyClient };  // kUnknown: 401; kForbidden, kOnlyClient: 403
  Verdict judge(const Request& request, Access access) const;
  bool allowed(const Request& request, Access access) const { return judge(request, access) == Verdict::kYes; }
  // Notes where it comes from, the session of its cookie, and who is signed in with it.
  void identify(Request& request) const;

 private:
  friend class Connection;  // serve.cc
  asio::awaitable<void> serve(std::shared_ptr<Channel> channel, std::string peer, Connections::Id id);
  asio::awaitable<void> serve_socket(std::shared_ptr<Channel> channel, Connections::Id id,
                                     std::shared_ptr<const Request> request, const Route* route);
  Response no_memory();                                                     // counted
  Response denied(const Request& request, Verdict verdict, Access access);  // counted
  std::optional<auth::TokenAccess> token_access(std::string_view token) const;
  std::optional<auth::TokenAccess> access_of_tokens(const Request& request) const;
  Verdict unknown(const Request& request) const;  // for a request without a valid credential
  bool is_local_read(const Request& request) const;
  void identify_socket(Request& request) const;
  bool may_stay(const Request& request, std::string_view token, Access access) const;
  asio::awaitable<Response> answer(std::shared_ptr<const Request> request, const Route* route, bool method_not_allowed);

  const ServerOptions options_;
  net::LiveTokens tokens_;
  const Router& router_;
  ServerStats stats_;
  // Shared with the connections, which may end after the server.
  const std::shared_ptr<Memory> memory_;
  const std::shared_ptr<Connections> connections_;
  asio::thread_pool workers_;
};

}  // namespace resmon::http
