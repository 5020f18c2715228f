// Signing in and out, and who may do what. docs/http_api.md is the specification.

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "access_control.h"
#include "app.h"
#include "auth/invitations.h"
#include "auth/qr_code.h"
#include "auth/second_factors.h"
#include "auth/secret.h"
#include "base/log.h"
#include "base/network.h"
#include "json.h"
#include "json_body.h"
#include "net/enrol.h"
#include "net/spawn.h"
#include "oidc/provider.h"
#include "options.h"
#include "routes.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using Answer = asio::awaitable<http::Response>;
using RequestPtr = std::shared_ptr<const http::Request>;

constexpr std::size_t kBodyBytes = 16U << 10U;
http::Response error_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
      return http::Response::error(400, error.message);
    case ErrorKind::kNotFound:
      return http::Response::error(404, error.message);
    case ErrorKind::kDenied:
      return http::Response::error(403, error.message);
    case ErrorKind::kLimit:
      return http::Response::error(429, error.message);
    default:
      return http::Response::error(500, error.message);
  }
}

// Beside the accounts.
struct SignInFiles {
  explicit SignInFiles(const std::string& accounts)
      : factors(accounts + ".factors"), invitations(accounts + ".invitations") {}
  auth::SecondFactors factors;
  auth::Invitations invitations;
};

std::int64_t now_milliseconds() {
  return Clock::system().wall() / 1'000'000;
}

void add_who(JsonObject& out, const auth::Who& who) {
  out.text("user", who.name).text("role", auth::role_name(who.role));
  if (!who.outsider.empty()) out.boolean("outsider", true);
}

std::string json_of(const auth::Who& who) {
  JsonObject out;
  out.boolean("accounts", true);
  add_who(out, who);
  return out.finish() + "\n";
}

// Password and second factor of a provider's person are the provider's.
std::optional<http::Response> not_local(const App& app, const http::Request& request) {
  if (request.user->outsider.empty()) return std::nullopt;
  return http::Response::error(403, "your password and second factor are with " + app.options().oidc.name);
}

using Lane = auth::FairQueue::Lane;

struct Turn {
  explicit Turn(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;
  std::optional<http::Response> answer;
};

void take_turn(const std::shared_ptr<Turn>& turn, const std::function<http::Response()>& work) {
  http::Response answer;
  try {
    answer = work();
  } catch (const std::exception& e) {
    log::error("auth", "request failed", {{"reason", e.what()}});
    answer = http::Response::error(500, "internal error");
  }
  net::post(turn->timer.get_executor(), [turn, answer = std::move(answer)]() mutable {
    turn->answer = std::move(answer);
    turn->timer.cancel();
  });
}

// Runs `work` where waiting harms nobody, after what waits for others of `lane` in turn. Nothing: too much waits.
asio::awaitable<std::optional<http::Response>> slowly(App& app, Lane lane, std::string whose,
                                                      std::function<http::Response()> work) {
  const auto turn = std::make_shared<Turn>(co_await asio::this_coro::executor);
  const bool waits =
      app.access().password_queue().add(lane, whose, [turn, work = std::move(work)] { take_turn(turn, work); });
  if (!waits) co_return std::nullopt;
  net::post(app.pools().password().get_executor(), [&app] {
    if (const auto next = app.access().password_queue().next()) next();
  });
  if (!turn->answer) co_await net::wait(turn->timer);
  co_return std::move(turn->answer);
}

http::Response busy() {
  http::Response response = http::Response::error(429, "too many sign-ins at the same time; try again");
  response.headers.emplace_back("Retry-After", "2");
  return response;
}

// Limited, so that a thousand attempts a second do not fill the log.
void say_refused(App& app, const http::Request& request, const std::string& user, std::string_view what) {
  if (app.access().sign_in_refusals().say(request.client, std::string(what)))
    log::warn("auth", what, {{"user", user.substr(0, 64)}, {"address", request.client}});
}

http::Response too_many_tries(App& app, const http::Request& request, const std::string& user,
                              std::chrono::seconds wait) {
  say_refused(app, request, user, "too many attempts to sign in");
  http::Response response = http::Response::error(429, "too many attempts");
  response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  return response;
}

http::Response signed_in(const App& app, const http::Request& request, const auth::Guard::LogIn& done) {
  log::info("auth", "signed in", {{"user", done.who.name}, {"address", request.client}});
  http::Response response = http::Response::json(json_of(done.who));
  response.headers.emplace_back("Set-Cookie", session_cookie(app.options(), request, done.session,
                                                             app.access().guard().session_duration().count()));
  return response;
}

// Nothing: the code is right, or the user has no second factor.
std::optional<http::Response> no_code(App& app, SignInFiles& files, const http::Request& request,
                                      const std::string& user, const std::string& code) {
  const auto left = files.factors.left(user);
  if (!left) return error_of(left.error());
  if (!left->has_value()) return std::nullopt;
  std::string problem = "a code of the second factor is needed";
  if (!code.empty()) {
    Status right = files.factors.check(user, code);
    if (right) return std::nullopt;
    if (right.error().kind != ErrorKind::kDenied) return error_of(right.error());
    say_refused(app, request, user, "not signed in: wrong code of the second factor");
    problem = right.error().message;
  }
  return http::Response::json(JsonObject().text("error", problem).boolean("code_needed", true).finish() + "\n", 401);
}

http::Response log_in(App& app, SignInFiles& files, const http::Request& request, const std::string& user,
                      const std::string& password, const std::string& code, const auth::Guard::Try& begun) {
  const auth::Guard::LogIn done = app.access().guard().log_in(user, password, request.client, begun);
  if (done.session.empty()) {
    say_refused(app, request, user, "not signed in: wrong name or password");
    return http::Response::error(401, "wrong name or password");
  }
  if (auto refused = no_code(app, files, request, done.who.name, code)) {
    app.access().guard().log_out(done.session);
    return *std::move(refused);
  }
  return signed_in(app, request, done);
}

// A request beyond the limits is answered at once and does not enter the queue.
Answer log_in_slowly(App& app, std::shared_ptr<SignInFiles> files, RequestPtr request) {
  const auto body = json_body(*request);
  if (!body) co_return error_of(body.error());
  const std::string user = text_member(*body, "user");
  const std::string password = text_member(*body, "password");
  const std::string code = text_member(*body, "code");
  const auth::Guard::Try begun = app.access().guard().begin_try(user, request->client);
  if (begun.wait.count() > 0) co_return too_many_tries(app, *request, user, begun.wait);
  // A user who is known at this address does not wait for others at it.
  std::string whose = network_of(request->client);
  if (begun.known) whose += ' ' + user;
  // Each a variable of its own: GCC 12 destroys twice what a call within co_await makes.
  std::function<http::Response()> work = [&app, files, request, user, password, code, begun] {
    return log_in(app, *files, *request, user, password, code, begun);
  };
  const Lane lane = begun.known ? Lane::kKnown : Lane::kOthers;
  auto answer = co_await slowly(app, lane, std::move(whose), std::move(work));
  if (answer) co_return std::move(*answer);
  app.access().guard().take_back(begun);
  co_return busy();
}

// Runs `work` in its turn among the requests of the same user, or without a session of the same address.
using AuthWork = std::function<http::Response(App&, const http::Request&)>;

Answer in_turn(App& app, RequestPtr request, AuthWork work) {
  std::string whose = request->user ? request->user->name : network_of(request->client);
  const Lane lane = request->user ? Lane::kKnown : Lane::kOthers;
  std::function<http::Response()> done = [&app, request, work] { return work(app, *request); };
  auto answer = co_await slowly(app, lane, std::move(whose), std::move(done));
  if (answer) co_return std::move(*answer);
  co_return busy();
}

http::Response log_out(App& app, const http::Request& request) {
  if (!request.session.empty()) app.access().guard().log_out(request.session);
  http::Response response = http::Response::no_content();
  response.headers.emplace_back("Set-Cookie", session_cookie(app.options(), request, "", 0));
  return response;
}

http::Response change_password(App& app, const http::Request& request) {
  if (auto refused = not_local(app, request)) return *std::move(refused);
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  Status done = app.access().guard().change_password(request.user->name, text_member(*body, "current_password"),
                                                     text_member(*body, "password"), request.client, request.session);
  if (!done) return error_of(done.error());
  log::info("auth", "password changed", {{"user", request.user->name}});
  return http::Response::no_content();
}

http::Response my_settings(App& app, const http::Request& request) {
  return http::Response::json(app.access().guard().settings().of(request.user->settings_key()) + "\n");
}

http::Response change_my_settings(App& app, const http::Request& request) {
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  Status done = app.access().guard().settings().set(request.user->settings_key(), boost::json::serialize(*body));
  return done ? http::Response::no_content() : error_of(done.error());
}

http::Response list_users(const App& app, const SignInFiles& files) {
  JsonArray list;
  for (const auth::User& user : app.access().guard().users()) {
    const auto factor = files.factors.left(user.name);
    list.object(JsonObject()
                    .text("user", user.name)
                    .text("role", auth::role_name(user.role))
                    .boolean("second_factor", !factor || factor->has_value()));
  }
  for (const auth::Who& who : app.access().guard().outsiders())
    list.object(JsonObject()
                    .text("user", who.name)
                    .text("role", auth::role_name(who.role))
                    .boolean("second_factor", false)
                    .boolean("outsider", true));
  return http::Response::json(JsonObject().raw("users", list.finish()).finish() + "\n");
}

http::Response add_user(App& app, const http::Request& request) {
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const std::string role_text = text_member(*body, "role");
  const auto role = auth::parse_role(role_text.empty() ? "viewer" : role_text);
  if (!role) return error_of(role.error());
  const std::string name = text_member(*body, "user");
  Status done = app.access().guard().change(
      [&](auth::Accounts& all) { return all.add_user(name, *role, text_member(*body, "password")); });
  if (!done) return error_of(done.error());
  log::info("auth", "user added", {{"user", name}, {"by", request.user->name}});
  return http::Response::json(JsonObject().text("user", name).text("role", auth::role_name(*role)).finish() + "\n",
                              201);
}

http::Response remove_user(App& app, SignInFiles& files, const http::Request& request) {
  const std::string name(request.parameter("user"));
  if (app.access().guard().end_sessions_of_outsider(name) > 0) {
    log::info("auth", "signed out", {{"user", name}, {"by", request.user->name}});
    return http::Response::no_content();
  }
  Status done = app.access().guard().change([&](auth::Accounts& all) { return all.remove_user(name); });
  if (!done) return error_of(done.error());
  (void)files.factors.remove(name).has_value();  // there may be none
  log::info("auth", "user removed", {{"user", name}, {"by", request.user->name}});
  return http::Response::no_content();
}

constexpr std::int64_t kInvitationHours = 72;
constexpr std::int64_t kMostInvitationHours = 24 * 30;
constexpr std::int64_t kHourMilliseconds = 3'600'000;

std::string invitation_json(const auth::Invitation& one) {
  return JsonObject()
      .text("id", one.id)
      .text("user", one.user)
      .text("role", auth::role_name(one.role))
      .number("expires", one.expires_milliseconds)
      .finish();
}

http::Response list_invitations(App&, SignInFiles& files, const http::Request&) {
  JsonArray list;
  for (const auth::Invitation& one : files.invitations.list(now_milliseconds())) list.raw(invitation_json(one));
  return http::Response::json(JsonObject().raw("invitations", list.finish()).finish() + "\n");
}

http::Response invite(App& app, SignInFiles& files, const http::Request& request) {
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const std::string role_text = text_member(*body, "role");
  const auto role = auth::parse_role(role_text.empty() ? "viewer" : role_text);
  if (!role) return error_of(role.error());
  const std::int64_t hours = integer_member(*body, "hours", kInvitationHours);
  if (hours < 1 || hours > kMostInvitationHours) return http::Response::error(400, "hours: 1 to 720");
  const std::string user = text_member(*body, "user");
  // As a user of that name would be taken.
  auth::Accounts all;
  all.users = app.access().guard().users();
  if (Status good = all.add_user(user, *role, auth::random_password()); !good) return error_of(good.error());
  const std::int64_t now = now_milliseconds();
  const auto invited = files.invitations.invite(user, *role, now, now + hours * kHourMilliseconds);
  if (!invited) return error_of(invited.error());
  const auth::Invitation& made = invited->invitation;
  log::info("auth", "user invited", {{"user", user}, {"role", auth::role_name(*role)}, {"by", request.user->name}});
  return http::Response::json(JsonObject()
                                      .text("id", made.id)
                                      .text("user", made.user)
                                      .text("role", auth::role_name(made.role))
                                      .number("expires", made.expires_milliseconds)
                                      .text("path", "/#/invitation/" + invited->secret)
                                      .finish() +
                                  "\n",
                              201);
}

http::Response withdraw(App&, SignInFiles& files, const http::Request& request) {
  const std::string id(request.parameter("id"));
  Status done = files.invitations.remove(id);
  return done ? http::Response::no_content() : error_of(done.error());
}

// Without a password it says whose the invitation is; with one it makes the user and signs in.
http::Response take_invitation(App& app, SignInFiles& files, const http::Request& request) {
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const std::string secret = text_member(*body, "invitation");
  const std::string password = text_member(*body, "password");
  const auto one = files.invitations.find(secret, now_milliseconds());
  if (!one) return http::Response::error(404, "this invitation was used, withdrawn, or is over");
  if (password.empty()) return http::Response::json(invitation_json(*one) + "\n");
  Status added =
      app.access().guard().change([&](auth::Accounts& all) { return all.add_user(one->user, one->role, password); });
  if (!added) return error_of(added.error());
  (void)files.factors.remove(one->user).has_value();  // of an earlier user of this name
  if (Status used = files.invitations.remove(one->id); !used) return error_of(used.error());
  log::info("auth", "invitation accepted", {{"user", one->user}, {"address", request.client}});
  const auto done = app.access().guard().log_in(one->user, password, request.client,
                                                app.access().guard().begin_try(one->user, request.client));
  return signed_in(app, request, done);
}

// Counts as an attempt to sign in does.
Status right_password(App& app, const http::Request& request, const std::string& password) {
  const auth::Guard::Try begun = app.access().guard().begin_try(request.user->name, request.client);
  if (begun.wait.count() > 0)
    return fail(ErrorKind::kLimit, "too many attempts: wait " + std::to_string(begun.wait.count()) + " s");
  const std::vector<auth::User> users = app.access().guard().users();
  const auto at =
      std::find_if(users.begin(), users.end(), [&](const auth::User& user) { return user.name == request.user->name; });
  if (at == users.end() || !auth::verify_password(password, at->hash))
    return fail(ErrorKind::kDenied, "the current password is wrong");
  app.access().guard().take_back(begun);
  return {};
}

http::Response my_factor(App& app, SignInFiles& files, const http::Request& request) {
  if (auto refused = not_local(app, request)) return *std::move(refused);
  const auto left = files.factors.left(request.user->name);
  if (!left) return error_of(left.error());
  return http::Response::json(
      JsonObject().boolean("enabled", left->has_value()).number("recovery_codes", left->value_or(0)).finish() + "\n");
}

http::Response begin_my_factor(App& app, SignInFiles& files, const http::Request& request) {
  if (auto refused = not_local(app, request)) return *std::move(refused);
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  Status right = right_password(app, request, text_member(*body, "current_password"));
  if (!right) return error_of(right.error());
  const std::string secret = files.factors.begin(request.user->name);
  const std::string uri = auth::totp_uri(secret, request.user->name);
  JsonObject out;
  out.text("secret", secret).text("uri", uri);
  if (const auto code = auth::QrCode::encode(uri))
    out.raw("qr", JsonObject().number("size", code->size()).text("path", code->svg_path()).finish());
  return http::Response::json(out.finish() + "\n");
}

http::Response confirm_my_factor(App& app, SignInFiles& files, const http::Request& request) {
  if (auto refused = not_local(app, request)) return *std::move(refused);
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const auto codes = files.factors.confirm(request.user->name, text_member(*body, "code"));
  if (!codes) return error_of(codes.error());
  log::info("auth", "second factor set up", {{"user", request.user->name}});
  std::string list = "[";
  for (const std::string& code : *codes) list += (list.size() > 1 ? "," : "") + http::json_string(code);
  return http::Response::json(JsonObject().raw("recovery_codes", list + "]").finish() + "\n");
}

http::Response remove_my_factor(App& app, SignInFiles& files, const http::Request& request) {
  if (auto refused = not_local(app, request)) return *std::move(refused);
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const std::string user = request.user->name;
  Status done = right_password(app, request, text_member(*body, "current_password"));
  if (done) done = files.factors.remove(user);
  if (!done) return error_of(done.error());
  log::info("auth", "second factor removed", {{"user", user}, {"by", user}});
  return http::Response::no_content();
}

// Of a user who lost both phone and recovery codes.
http::Response remove_factor_of(App&, SignInFiles& files, const http::Request& request) {
  const std::string user(request.parameter("user"));
  Status done = files.factors.remove(user);
  if (!done) return error_of(done.error());
  log::info("auth", "second factor removed", {{"user", user}, {"by", request.user->name}});
  return http::Response::no_content();
}

http::Response list_tokens(const App& app) {
  JsonArray list;
  for (const auth::Guard::TokenInfo& one : app.access().guard().tokens()) {
    const std::int64_t used = one.last_used_milliseconds;
    list.object(JsonObject()
                    .text("id", one.token.id)
                    .text("name", one.token.name)
                    .text("access", auth::access_name(one.token.access))
                    .number("created", one.token.created_milliseconds)
                    .raw("last_used", used == 0 ? "null" : std::to_string(used)));
  }
  return http::Response::json(JsonObject().raw("tokens", list.finish()).finish() + "\n");
}

http::Response add_token(App& app, const http::Request& request) {
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const std::string access_text = text_member(*body, "access");
  const auto access = auth::parse_access(access_text.empty() ? "read" : access_text);
  if (!access) return error_of(access.error());
  std::string secret;
  auth::Token made;
  Status done = app.access().guard().change([&](auth::Accounts& all) -> Status {
    RESMON_ASSIGN(secret, all.add_token(text_member(*body, "name"), *access, Clock::system().wall() / 1'000'000));
    made = all.tokens.back();
    return {};
  });
  if (!done) return error_of(done.error());
  log::info("auth", "token made", {{"id", made.id}, {"name", made.name}, {"by", request.user->name}});
  return http::Response::json(JsonObject()
                                      .text("id", made.id)
                                      .text("name", made.name)
                                      .text("access", auth::access_name(made.access))
                                      .number("created", made.created_milliseconds)
                                      .text("token", secret)
                                      .finish() +
                                  "\n",
                              201);
}

// A token for one client, and where that client sends to. The listener's host is the page's own as its user knows it.
http::Response add_client_token(App& app, const http::Request& request) {
  const auto body = json_body(request);
  if (!body) return error_of(body.error());
  const std::string host = text_member(*body, "host");
  const std::string token = auth::random_token();
  if (Status added = net::add_bound_token(app.options().token_file, token, host); !added)
    return error_of(added.error());
  log::info("auth", "client token made", {{"host", host}, {"by", request.user->name}});
  return http::Response::json(JsonObject()
                                      .text("host", host)
                                      .text("token", token)
                                      .text("address", app.options().listen_address)
                                      .boolean("tls", app.options().listen_tls)
                                      .finish() +
                                  "\n",
                              201);
}

http::Response revoke_token(App& app, const http::Request& request) {
  const std::string id(request.parameter("id"));
  Status done = app.access().guard().change([&](auth::Accounts& all) { return all.revoke_token(id); });
  if (!done) return error_of(done.error());
  log::info("auth", "token revoked", {{"id", id}, {"by", request.user->name}});
  return http::Response::no_content();
}

// What is the page's own about the provider: the button's name, and once what became of the last sign-in.
Answer session(const App& app, RequestPtr request) {
  JsonObject out;
  out.boolean("accounts", true);
  if (request->user) add_who(out, *request->user);
  const std::string& provider = app.options().oidc.name;
  if (app.access().oidc() != nullptr) out.text("provider", provider);
  const auto failed = oidc::parse_outcome(request->cookie(kOidcFailedCookie));
  if (app.access().oidc() != nullptr && failed) out.text("provider_problem", oidc::outcome_text(*failed, provider));
  http::Response response = http::Response::json(out.finish() + "\n");
  if (failed)
    response.headers.emplace_back(
        "Set-Cookie", oidc_cookie(app.options(), std::string(kOidcFailedCookie), "", 0, "/api/v1/session", "Strict"));
  co_return response;
}
Answer list_users_now(const App& app, std::shared_ptr<const SignInFiles> files) {
  co_return list_users(app, *files);
}
Answer list_tokens_now(const App& app) {
  co_return list_tokens(app);
}

}  // namespace

std::string session_cookie(const Options& options, const http::Request& request, std::string_view value,
                           std::int64_t seconds) {
  std::string out = std::string(http::kSessionCookie) + '=' + std::string(value) +
                    "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds);
  if (options.http_tls || request.header("x-forwarded-proto") == "https") out += "; Secure";
  return out;
}

void add_auth_routes(App& app, http::Router& router) {
  using http::Access;
  const auto files = std::make_shared<SignInFiles>(app.options().accounts_file);
  const auto add = [&](std::string method, std::string path, Access access, AuthWork work) {
    router.add(
        std::move(method), std::move(path), access,
        [&app, work](RequestPtr request) { return in_turn(app, std::move(request), work); }, kBodyBytes);
  };
  const auto with_files = [&](http::Response (*work)(App&, SignInFiles&, const http::Request&)) -> AuthWork {
    return [files, work](App& the_app, const http::Request& request) { return work(the_app, *files, request); };
  };
  router.add("GET", "/api/v1/session", Access::kOpen,
             [&app](RequestPtr request) { return session(app, std::move(request)); });
  router.add(
      "POST", "/api/v1/login", Access::kOpen,
      [&app, files](RequestPtr request) { return log_in_slowly(app, files, std::move(request)); }, kBodyBytes);
  add("POST", "/api/v1/logout", Access::kOpen, log_out);
  add("POST", "/api/v1/password", Access::kUser, change_password);
  add("GET", "/api/v1/me/settings", Access::kUser, my_settings);
  add("PUT", "/api/v1/me/settings", Access::kUser, change_my_settings);
  add("GET", "/api/v1/me/second_factor", Access::kUser, with_files(my_factor));
  add("POST", "/api/v1/me/second_factor", Access::kUser, with_files(begin_my_factor));
  add("PUT", "/api/v1/me/second_factor", Access::kUser, with_files(confirm_my_factor));
  add("DELETE", "/api/v1/me/second_factor", Access::kUser, with_files(remove_my_factor));
  add("DELETE", "/api/v1/users/second_factor", Access::kAdmin, with_files(remove_factor_of));
  add("GET", "/api/v1/invitations", Access::kAdmin, with_files(list_invitations));
  add("POST", "/api/v1/invitations", Access::kAdmin, with_files(invite));
  add("DELETE", "/api/v1/invitations", Access::kAdmin, with_files(withdraw));
  add("POST", "/api/v1/invitation", Access::kOpen, with_files(take_invitation));
  router.add("GET", "/api/v1/users", Access::kAdmin, [&app, files](RequestPtr) { return list_users_now(app, files); });
  add("POST", "/api/v1/users", Access::kAdmin, add_user);
  add("DELETE", "/api/v1/users", Access::kAdmin, with_files(remove_user));
  router.add("GET", "/api/v1/tokens", Access::kAdmin, [&app](RequestPtr) { return list_tokens_now(app); });
  add("POST", "/api/v1/tokens", Access::kAdmin, add_token);
  add("DELETE", "/api/v1/tokens", Access::kAdmin, revoke_token);
  add("POST", "/api/v1/client_tokens", Access::kAdmin, add_client_token);
}

}  // namespace resmon::server
