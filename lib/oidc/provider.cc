#include "oidc/provider.h"

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/log.h"
#include "oidc/json_members.h"
#include "oidc/token.h"
#include "sink/endpoint.h"
#include "sink/http_client.h"

namespace resmon::oidc {

namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr auto kFailureKept = std::chrono::seconds(5);
constexpr std::size_t kMostCodeBytes = 4096;
constexpr std::size_t kMostReasonBytes = 200;

std::int64_t seconds_of_wall() {
  return Clock::system().wall() / 1'000'000'000;
}

std::string shortened(std::string_view text) {
  return printable(text.substr(0, kMostReasonBytes));
}

void add_parameter(std::string& to, std::string_view key, std::string_view value) {
  if (!to.empty() && to.back() != '?') to += '&';
  to.append(key).append(1, '=').append(sink::percent_encode(value));
}

Provider::Finished not_signed_in(Outcome outcome, std::string reason) {
  return {outcome, std::move(reason), {}, {}};
}

}  // namespace

// One of the sign-ins that are under way.
class Provider::Turn {
 public:
  explicit Turn(std::shared_ptr<Provider> provider) : provider_(std::move(provider)) { ++provider_->under_way_; }
  ~Turn() { --provider_->under_way_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool too_many() const { return provider_->under_way_ > provider_->limits_.at_once; }

 private:
  const std::shared_ptr<Provider> provider_;
};

Provider::Provider(asio::any_io_executor executor, Options options, const std::string& public_url, Limits limits)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      public_url_(without_slash(public_url)),
      limits_(limits) {}

Provider::Answer<sink::HttpAnswer> Provider::ask(std::string url, sink::HttpRequest request) {
  SplitAddress address = split_address(url);
  const auto origin = sink::parse_url(address.origin);
  if (!origin) co_return fail(ErrorKind::kInvalid, "not an address");
  request.target = std::move(address.target);
  sink::HttpClientOptions options;
  options.timeout = options_.timeout;
  options.answer_bytes = kMostDocumentBytes;
  options.tls_ca_file = options_.ca_file;
  auto client = sink::make_http_client(executor_, *origin, options);
  if (!client) co_return fail(std::move(client).error());
  auto answer = co_await (*client)->send(request);
  (*client)->close();
  co_return answer;
}

Provider::Answer<std::string> Provider::get(std::string url, std::string authorization) {
  sink::HttpRequest request;
  request.method = sink::Method::kGet;
  request.authorization = std::move(authorization);
  auto answer = co_await ask(url, std::move(request));
  if (!answer) co_return fail(std::move(answer).error());
  if (answer->status != 200)
    co_return fail(ErrorKind::kUnavailable, url + ": answered " + std::to_string(answer->status));
  co_return std::move(answer->body);
}

asio::awaitable<Status> Provider::learn() {
  const auto now = steady_clock::now();
  if (discovery_ && now - discovered_ < limits_.kept) co_return Status();
  if (failed_ != Time() && now - failed_ < kFailureKept) co_return fail(ErrorKind::kUnavailable, failure_);
  const std::string address = discovery_address(options_.issuer);
  auto document = co_await get(address, "");
  auto parsed = document ? Discovery::parse(*document, options_.issuer) : Result<Discovery>(fail(document.error()));
  if (parsed) {
    discovery_ = *std::move(parsed);
    discovered_ = steady_clock::now();
    failed_ = {};
    co_return Status();
  }
  failed_ = steady_clock::now();
  failure_ = (document ? address + ": " : "") + parsed.error().message;
  co_return fail(ErrorKind::kUnavailable, failure_);
}

asio::awaitable<Status> Provider::learn_keys() {
  keys_asked_ = steady_clock::now();
  const std::string address = discovery_->jwks_uri;
  auto document = co_await get(address, "");
  if (!document) co_return fail(std::move(document).error());
  auto parsed = KeySet::parse(*document);
  if (!parsed) co_return fail(std::move(parsed).error().wrap(address));
  keys_ = *std::move(parsed);
  co_return Status();
}

asio::awaitable<Provider::Begun> Provider::begin(std::string to) {
  const Turn turn(shared_from_this());
  Begun out;
  if (turn.too_many()) {
    out.outcome = Outcome::kBusy;
    out.reason = "too many sign-ins at the same time";
    co_return out;
  }
  Status known = co_await learn();
  if (!known) {
    out.outcome = Outcome::kUnreachable;
    out.reason = known.error().message;
    co_return out;
  }
  out.ticket = tickets_.make(to, seconds_of_wall());
  out.location = discovery_->authorization_endpoint;
  if (out.location.find('?') == std::string::npos) out.location += '?';
  std::string scope;
  for (const std::string& one : options_.scopes) scope += (scope.empty() ? "" : " ") + one;
  add_parameter(out.location, "response_type", "code");
  add_parameter(out.location, "client_id", options_.client_id);
  add_parameter(out.location, "redirect_uri", redirect_address());
  add_parameter(out.location, "scope", scope);
  add_parameter(out.location, "state", out.ticket.state);
  add_parameter(out.location, "nonce", out.ticket.nonce);
  add_parameter(out.location, "code_challenge", out.ticket.challenge);
  add_parameter(out.location, "code_challenge_method", "S256");
  co_return out;
}

Result<sink::HttpRequest> Provider::token_request(const std::string& code, const std::string& verifier) const {
  RESMON_ASSIGN(const std::string secret, read_client_secret(options_.client_secret_file));
  sink::HttpRequest request;
  request.content_type = "application/x-www-form-urlencoded";
  add_parameter(request.body, "grant_type", "authorization_code");
  add_parameter(request.body, "code", code);
  add_parameter(request.body, "redirect_uri", redirect_address());
  add_parameter(request.body, "code_verifier", verifier);
  const bool basic = options_.token_auth == "basic" || (options_.token_auth == "auto" && discovery_->takes_basic);
  if (!secret.empty() && basic) {
    // RFC 6749, section 2.3.1: both encoded as in a form before they are joined.
    request.authorization =
        "Basic " + sink::base64(sink::percent_encode(options_.client_id) + ':' + sink::percent_encode(secret));
    return request;
  }
  add_parameter(request.body, "client_id", options_.client_id);
  if (!secret.empty()) add_parameter(request.body, "client_secret", secret);
  return request;
}

Provider::Answer<Provider::Tokens> Provider::redeem(std::string code, std::string verifier) {
  auto request = token_request(code, verifier);
  if (!request) co_return fail(ErrorKind::kDenied, "oidc.client_secret_file: " + request.error().message);
  const std::string address = discovery_->token_endpoint;
  auto answer = co_await ask(address, *std::move(request));
  if (!answer) co_return fail(ErrorKind::kUnavailable, answer.error().message);
  const auto json = parse_object(answer->body, kMostDocumentBytes);
  if (answer->status != 200) {
    const std::string error = json ? text_member(*json, "error") : "";
    const std::string reason = address + ": answered " + std::to_string(answer->status) + ' ' + shortened(error);
    if (error == "invalid_grant") co_return fail(ErrorKind::kInvalid, reason);
    if (answer->status == 401 || error == "invalid_client" || error == "unauthorized_client")
      co_return fail(ErrorKind::kDenied, reason);
    co_return fail(ErrorKind::kUnavailable, reason);
  }
  if (!json) co_return fail(ErrorKind::kUnavailable, address + ": " + json.error().message);
  Tokens out{text_member(*json, "id_token"), text_member(*json, "access_token")};
  if (out.id_token.empty()) co_return fail(ErrorKind::kUnavailable, address + ": the answer has no ID token");
  co_return out;
}

asio::awaitable<Status> Provider::verify(const std::string& text, boost::json::object& claims) {
  auto token = Token::parse(text);
  if (!token) co_return fail(ErrorKind::kDenied, token.error().message);
  // Keys that the provider withdrew are forgotten after a while.
  if (!keys_ || steady_clock::now() - keys_asked_ >= limits_.kept) {
    Status known = co_await learn_keys();
    if (!known) co_return fail(ErrorKind::kUnavailable, known.error().message);
  }
  Status good = keys_->verify(token->algorithm, token->key_id, token->signed_text, token->signature);
  if (!good && good.error().kind == ErrorKind::kNotFound && steady_clock::now() - keys_asked_ >= limits_.keys_every) {
    Status known = co_await learn_keys();
    if (!known) co_return fail(ErrorKind::kUnavailable, known.error().message);
    good = keys_->verify(token->algorithm, token->key_id, token->signed_text, token->signature);
  }
  if (!good) co_return fail(ErrorKind::kDenied, good.error().message);
  claims = std::move(token->claims);
  co_return Status();
}

// Many providers keep the ID token small and have the rest at an address of its own. If it cannot be had, the claims
// are what they are.
asio::awaitable<void> Provider::add_claims(boost::json::object& claims, std::string access_token) {
  const std::string address = discovery_->userinfo_endpoint;
  if (address.empty() || access_token.empty() || !lacks_claims(claims, options_)) co_return;
  for (const char c : access_token)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) > '~') co_return;
  auto document = co_await get(address, "Bearer " + access_token);
  auto parsed = document ? parse_object(*document, kMostDocumentBytes) : fail(document.error());
  // Another subject's claims are not to be used: Core 1.0, section 5.3.2.
  const bool same_person = parsed && text_member(*parsed, "sub") == text_member(claims, "sub");
  if (!same_person) {
    log::warn("auth", "the provider's userinfo cannot be used",
              {{"reason", parsed ? "it is about another person" : parsed.error().message}});
    co_return;
  }
  for (const auto& [key, value] : *parsed)
    if (!claims.contains(key)) claims.emplace(key, value);
}

asio::awaitable<Provider::Finished> Provider::sign_in(Callback callback, Ticket ticket) {
  Status known = co_await learn();
  if (!known) co_return not_signed_in(Outcome::kUnreachable, known.error().message);
  if ((discovery_->sends_issuer || !callback.issuer.empty()) && callback.issuer != options_.issuer)
    co_return not_signed_in(Outcome::kToken, "the browser's answer is of another issuer (iss)");
  if (!callback.error.empty())
    co_return not_signed_in(Outcome::kRefused, "the provider answered " + shortened(callback.error));
  if (callback.code.empty() || callback.code.size() > kMostCodeBytes)
    co_return not_signed_in(Outcome::kRefused, "the provider sent no code");
  auto tokens = co_await redeem(callback.code, ticket.verifier);
  if (!tokens) {
    const ErrorKind kind = tokens.error().kind;
    co_return not_signed_in(kind == ErrorKind::kDenied    ? Outcome::kClient
                            : kind == ErrorKind::kInvalid ? Outcome::kRefused
                                                          : Outcome::kUnreachable,
                            tokens.error().message);
  }
  boost::json::object claims;
  Status good = co_await verify(tokens->id_token, claims);
  if (good) {
    const Expected expected{options_.issuer, options_.client_id, ticket.nonce, tokens->access_token, seconds_of_wall()};
    good = check_claims(claims, expected);
  }
  if (!good)
    co_return not_signed_in(good.error().kind == ErrorKind::kUnavailable ? Outcome::kUnreachable : Outcome::kToken,
                            good.error().message);
  co_await add_claims(claims, tokens->access_token);
  auto person = person_of(claims, options_);
  if (!person)
    co_return not_signed_in(person.error().kind == ErrorKind::kDenied ? Outcome::kRole : Outcome::kName,
                            person.error().message);
  co_return Finished{Outcome::kDone, "", *std::move(person), {}};
}

asio::awaitable<Provider::Finished> Provider::finish(Callback callback) {
  const Turn turn(shared_from_this());
  if (turn.too_many()) co_return not_signed_in(Outcome::kBusy, "too many sign-ins at the same time");
  auto ticket = tickets_.use(callback.cookie, callback.state, seconds_of_wall());
  if (!ticket)
    co_return not_signed_in(Outcome::kStale, "the answer is of no sign-in that began here, too old, or was used");
  std::string to = ticket->to;
  Finished out = co_await sign_in(std::move(callback), *std::move(ticket));
  out.to = std::move(to);
  co_return out;
}

}  // namespace resmon::oidc
