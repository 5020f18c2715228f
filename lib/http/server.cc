#include "http/server.h"

#include <openssl/evp.h>

#include "base/log.h"
#include "base/network.h"
#include "http/server_internal.h"
#include "net/address.h"
#include "net/spawn.h"

namespace resmon::http {

using asio::ip::tcp;

namespace {

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

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() > word.size() &&
         beast::iequals(beast::string_view(text.data(), word.size()), beast::string_view(word.data(), word.size())) &&
         text[word.size()] == ' ';
}

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.rfind(':'));
}

// A proxy on this machine speaks for others. It adds to what its own client sent, which may be empty or there twice, so
// that any such header counts, whatever it says.
bool comes_through_proxy(const Request& request) {
  for (const std::string_view name :
       {"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-forwarded-for",
        "true-client-ip", "cf-connecting-ip", "client-ip", "proxy-client-ip", "wl-proxy-client-ip", "fastly-client-ip",
        "fly-client-ip", "x-envoy-external-address", "x-azure-clientip", "x-forwarded", "cdn-loop"})
    if (request.headers.find(name) != request.headers.end()) return true;
  constexpr std::string_view kPrefix = "x-forwarded-";
  const auto at = request.headers.lower_bound(kPrefix);
  return at != request.headers.end() && at->first.starts_with(kPrefix);
}

bool is_own_origin(const Request& request) {
  const std::string_view origin = request.header("origin");
  const std::size_t scheme = origin.find("://");
  return beast::iequals(origin.substr(scheme == std::string_view::npos ? 0 : scheme + 3), request.header("host"));
}

// A browser says with everything but plain reads where it comes from. What says nothing is no browser.
bool comes_from_own_page(const Request& request) {
  if (!request.header("origin").empty()) return is_own_origin(request);
  const std::string_view site = request.header("sec-fetch-site");
  return site.empty() || site == "same-origin";
}

// Gives `take` the tokens in all of the places where one may be, until it takes one; whether it did.
template <class Take>
bool any_token(const Request& request, const Take& take) {
  const std::string_view authorization = request.header("authorization");
  if (starts_with_word(authorization, "bearer") && take(authorization.substr(7))) return true;
  if (starts_with_word(authorization, "token")) {
    const std::string_view token = authorization.substr(6);
    if (take(token)) return true;
    if (const std::size_t colon = token.find(':'); colon != std::string_view::npos && take(token.substr(colon + 1)))
      return true;
  }
  if (starts_with_word(authorization, "basic")) {
    const std::string decoded = decode_base64(authorization.substr(6));
    if (const std::size_t colon = decoded.find(':');
        colon != std::string::npos && take(std::string_view(decoded).substr(colon + 1)))
      return true;
  }
  return request.has_parameter("p") && take(request.parameter("p"));
}

}  // namespace

Server::Server(ServerOptions options, net::TokenSet tokens, const Router& router)
    : options_(std::move(options)),
      tokens_(std::move(tokens)),
      router_(router),
      memory_(std::make_shared<Memory>(options_.body_memory_bytes)),
      connections_(std::make_shared<Connections>(options_.max_connections, options_.max_connections_per_address)),
      workers_(options_.workers) {}

Server::~Server() = default;

void Server::stop() {
  connections_->stop();
}

void Server::accept(tcp::socket socket, const tcp::endpoint& endpoint) {
  ++stats_.connections;
  const std::string address = endpoint.address().to_string();
  const auto [id, ended_another] = connections_->admit(network_of(address), net::is_loopback(address));
  if (ended_another) ++stats_.ended;
  if (id == 0) {
    ++stats_.refused;
    return;  // closing the socket is all that is safe to do for free
  }
  const std::string peer = net::to_string({address, endpoint.port()});
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
  net::start(executor, serve(std::make_shared<Channel>(std::move(socket), options_.tls), peer, id), ended);
}

Response Server::no_memory() {
  if (stats_.bodies_refused++ % 1000 == 0)
    log::warn("http", "no memory for more requests: answering 503",
              {{"limit_bytes", options_.body_memory_bytes}, {"refused", stats_.bodies_refused.load()}});
  Response response = Response::error(503, "too many large requests at the same time; try again");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::optional<auth::TokenAccess> Server::token_access(std::string_view token) const {
  if (tokens_.get()->contains(token)) return auth::TokenAccess::kWrite;
  if (options_.guard != nullptr) return options_.guard->token(token);
  return std::nullopt;
}

std::optional<auth::TokenAccess> Server::access_of_tokens(const Request& request) const {
  std::optional<auth::TokenAccess> access;
  any_token(request, [&](std::string_view token) {
    access = token_access(token);
    return access.has_value();
  });
  return access;
}

Server::Verdict Server::unknown(const Request& request) const {
  const auto tokens = tokens_.get();
  const bool bound = any_token(
      request, [&](std::string_view token) { return !tokens->name_of(net::TokenSet::digest(token)).empty(); });
  return bound ? Verdict::kOnlyClient : Verdict::kUnknown;
}

bool Server::is_local_read(const Request& request) const {
  if (!options_.local_read_without_token) return false;
  if (comes_through_proxy(request)) return false;
  if (!net::is_loopback(request.peer_address())) return false;
  if (!net::is_loopback(host_of(request.header("host")))) return false;
  return request.header("origin").empty() || is_own_origin(request);
}

void Server::identify(Request& request) const {
  request.client = options_.trusted_proxies.client_of(request.peer_address(), request.header("x-forwarded-for"));
  request.session = request.cookie(kSessionCookie);
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
    return unknown(request);
  }
  if (access == Access::kWrite && token == auth::TokenAccess::kWrite) return Verdict::kYes;
  if (access == Access::kHost && (token || unknown(request) == Verdict::kOnlyClient)) return Verdict::kYes;
  if (!request.user) return token ? Verdict::kForbidden : unknown(request);
  if (access != Access::kUser && request.user->role != auth::Role::kAdmin) return Verdict::kForbidden;
  // A browser sends the cookie with whatever it is made to send; SameSite keeps other sites from that, and this keeps
  // them off where a browser does not know SameSite or the other site is another port of this machine.
  // A GET that writes is /query with CREATE DATABASE.
  if ((request.method != "GET" || access == Access::kWrite) && !comes_from_own_page(request))
    return Verdict::kForbidden;
  return Verdict::kYes;
}

namespace {

constexpr std::string_view kOnlyClientText =
    "this token is only for the connection of the client that it was made for; programs need another";

Response denied_as_influxdb_2(bool forbidden, std::string_view text) {
  const std::string_view code = forbidden ? "forbidden" : "unauthorized";
  Response response = Response::json("{\"code\":" + json_string(code) + ",\"message\":" + json_string(text) + "}\n",
                                     forbidden ? 403 : 401);
  if (!forbidden) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"resmon\"");
  return response;
}

}  // namespace

Response Server::denied(const Request& request, Verdict verdict, Access access) {
  ++stats_.denied;
  const bool in_session = access == Access::kUser || access == Access::kAdmin;
  if (request.path.starts_with("/api/v2/"))
    return denied_as_influxdb_2(verdict != Verdict::kUnknown,
                                verdict == Verdict::kOnlyClient ? kOnlyClientText
                                : verdict == Verdict::kForbidden
                                    ? "this needs a token that may write, or an administrator"
                                    : "a valid token is needed: send it as 'Authorization: Token TOKEN'");
  if (verdict == Verdict::kOnlyClient && !in_session) return Response::error(403, std::string(kOnlyClientText));
  if (verdict != Verdict::kUnknown)
    return Response::error(403, access == Access::kWrite ? "this needs a token that may write, or an administrator"
                                : access == Access::kUser
                                    ? "this needs a user who is signed in, from this server's page"
                                    : "this needs an administrator, signed in on this server's page");
  Response response = Response::error(
      401, in_session ? "sign in first" : "a valid token is needed: send it as 'Authorization: Bearer TOKEN'");
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
  if (!route->handler) co_return Response::error(426, "this path needs a WebSocket");
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

}  // namespace resmon::http
