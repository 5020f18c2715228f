// Signing in with a provider. The browser goes to /oidc/start, from there to the provider, and comes back to
// /oidc/callback. Every way ends on this server's own page: the only address that is not fixed is the part behind '#'.

#include "access_control.h"
#include "app.h"
#include "auth/attempts.h"
#include "base/log.h"
#include "base/network.h"
#include "net/spawn.h"
#include "oidc/provider.h"
#include "options.h"
#include "routes.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using SignIn = oidc::Outcome;
using OidcRequest = std::shared_ptr<const http::Request>;
using OidcAnswer = asio::awaitable<http::Response>;

constexpr unsigned kMostFailuresOfAddress = 20;  // in five minutes
constexpr std::size_t kMostFailingAddresses = 65'536;
const std::string kOidcPath = "/oidc/";

struct FailedSignIns {
  auth::Attempts of_address{kMostFailingAddresses, std::chrono::minutes(5)};
};

http::Response go_to(std::string address) {
  http::Response response;
  response.status = 303;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.emplace_back("Location", std::move(address));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

// A place on the page, which is behind '#'; empty: not one.
std::string place_of(std::string_view given) {
  if (!given.starts_with("#/") || given.size() > oidc::kMostReturnBytes) return {};
  for (const char c : given)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) > '~') return {};
  return std::string(given);
}

http::Response failed_sign_in(App& app, const http::Request& request, SignIn outcome, const std::string& reason,
                              const std::string& place) {
  app.access().oidc()->count(outcome);
  const std::string what = "not signed in by the provider: " + std::string(oidc::outcome_name(outcome));
  if (app.access().sign_in_refusals().say(request.client, what))
    log::warn("auth", what, {{"reason", reason}, {"address", request.client}});
  http::Response response = go_to("/" + place);
  response.headers.emplace_back(
      "Set-Cookie", oidc_cookie(app.options(), std::string(kOidcFailedCookie), std::string(oidc::outcome_name(outcome)),
                                60, "/api/v1/session", "Strict"));
  return response;
}

// "monitor.example.org" of "https://monitor.example.org".
std::string_view authority_of(std::string_view url) {
  return url.substr(url.find("://") + 3);
}

bool is_same_host(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return std::tolower(x) == std::tolower(y); });
}

// Opened by another name, the page first goes to its public address: the cookie would not be there on the way back.
// `again` ends that where a proxy replaces Host.
OidcAnswer start_sign_in(App& app, OidcRequest request) {
  const std::shared_ptr<oidc::Provider> provider = app.access().oidc();
  const std::string place = place_of(request->parameter("to"));
  if (!is_same_host(request->header("host"), authority_of(provider->public_url())) && !request->has_parameter("again"))
    co_return go_to(provider->public_url() + kOidcPath + "start?again=1&to=" + sink::percent_encode(place));
  const asio::any_io_executor executor = provider->executor();
  oidc::Provider::Begun begun = co_await net::run(executor, provider->begin(place));
  if (begun.outcome != SignIn::kDone) co_return failed_sign_in(app, *request, begun.outcome, begun.reason, place);
  http::Response response = go_to(begun.location);
  response.headers.emplace_back("Set-Cookie", oidc_cookie(app.options(), oidc::cookie_name(begun.ticket.state),
                                                          begun.ticket.cookie, oidc::kTicketSeconds, kOidcPath, "Lax"));
  co_return response;
}

struct Admitted {
  auth::Guard::LogIn in;
  std::optional<Error> refusal;
};

// Writes the file of sessions, so it is not for a network thread.
asio::awaitable<Admitted> admit(App& app, oidc::Person person) {
  auto done = app.access().guard().admit(person.name, person.role, person.subject);
  Admitted out;
  if (done)
    out.in = *std::move(done);
  else
    out.refusal = std::move(done).error();
  co_return out;
}

OidcAnswer signed_in_by(App& app, OidcRequest request, oidc::Provider::Finished finished) {
  const Admitted admitted =
      co_await net::run(app.pools().password().get_executor(), admit(app, std::move(finished.person)));
  if (admitted.refusal)
    co_return failed_sign_in(app, *request,
                             admitted.refusal->kind == ErrorKind::kDenied ? SignIn::kTaken : SignIn::kName,
                             admitted.refusal->message, finished.to);
  app.access().oidc()->count(SignIn::kDone);
  log::info(
      "auth", "signed in by the provider",
      {{"user", admitted.in.who.name}, {"role", auth::role_name(admitted.in.who.role)}, {"address", request->client}});
  http::Response response = go_to("/" + finished.to);
  response.headers.emplace_back("Set-Cookie", session_cookie(app.options(), *request, admitted.in.session,
                                                             app.access().guard().session_duration().count()));
  co_return response;
}

OidcAnswer end_sign_in(App& app, std::shared_ptr<FailedSignIns> failures, OidcRequest request) {
  const std::shared_ptr<oidc::Provider> provider = app.access().oidc();
  const std::string network = network_of(request->client);
  const auto wait = failures->of_address.begin(network, kMostFailuresOfAddress, std::chrono::steady_clock::now());
  if (wait.count() > 0) co_return failed_sign_in(app, *request, SignIn::kBusy, "too many failures of one address", "");
  oidc::Callback callback;
  callback.code = request->parameter("code");
  callback.state = request->parameter("state");
  callback.issuer = request->parameter("iss");
  callback.error = request->parameter("error");
  const std::string cookie = oidc::cookie_name(callback.state);
  callback.cookie = request->cookie(cookie);
  const bool had_cookie = !callback.cookie.empty();
  const asio::any_io_executor executor = provider->executor();
  oidc::Provider::Finished finished = co_await net::run(executor, provider->finish(std::move(callback)));
  http::Response response;
  if (finished.outcome == SignIn::kDone) {
    failures->of_address.take_back(network);
    response = co_await signed_in_by(app, request, std::move(finished));
  } else {
    response = failed_sign_in(app, *request, finished.outcome, finished.reason, finished.to);
  }
  // The name of a cookie that came is made of characters that cookies can have.
  if (had_cookie)
    response.headers.emplace_back("Set-Cookie", oidc_cookie(app.options(), cookie, "", 0, kOidcPath, "Lax"));
  co_return response;
}

}  // namespace

std::string oidc_cookie(const Options& options, const std::string& name, const std::string& value, std::int64_t seconds,
                        const std::string& path, const std::string& same_site) {
  std::string out = name + '=' + value + "; Path=" + path + "; HttpOnly; SameSite=" + same_site +
                    "; Max-Age=" + std::to_string(seconds);
  if (options.http_public_url.starts_with("https://")) out += "; Secure";
  return out;
}

void add_oidc_routes(App& app, http::Router& router) {
  const auto failures = std::make_shared<FailedSignIns>();
  router.add("GET", kOidcPath + "start", http::Access::kOpen,
             [&app](OidcRequest request) { return start_sign_in(app, std::move(request)); });
  router.add("GET", kOidcPath + "callback", http::Access::kOpen,
             [&app, failures](OidcRequest request) { return end_sign_in(app, failures, std::move(request)); });
}

}  // namespace resmon::server
