#pragma once

// Signs people in with an OpenID Connect provider: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC
// 7636). Every request to the provider has a deadline a step and a bound for its answer, TLS is verified by name, and
// redirections are not followed.
//
// The provider's description and keys are kept for an hour. A token whose key is unknown has the keys asked for again,
// once a minute at most, because anybody can send such a token. After a failure the description is not asked for again
// for five seconds, so that a provider that is down costs a person no more than one wait.
//
// Runs on one executor, which must not run two handlers at once: begin and finish are to be called there. stats() from
// any thread.

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "oidc/discovery.h"
#include "oidc/keys.h"
#include "oidc/options.h"
#include "oidc/person.h"
#include "oidc/tickets.h"
#include "sink/transport.h"

namespace resmon::oidc {

// What became of a sign-in, from which the words for the person follow.
enum class Outcome {
  kDone,
  kUnreachable,  // the provider does not answer, or not as its protocol says
  kClient,       // the provider refuses this server: its identifier or secret
  kRefused,      // the provider refuses the person, or the person declined
  kStale,        // the browser's answer is of no sign-in that this server began, or was used
  kToken,        // the ID token fails a check
  kName,         // no usable name among the claims
  kRole,         // no role by the claims
  kTaken,        // a local user has this name
  kBusy,         // too many sign-ins at the same time or from this address
};
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kBusy) + 1;
// "done", "unreachable", …: for counters and cookies.
std::string_view outcome_name(Outcome outcome);
std::optional<Outcome> parse_outcome(std::string_view name);
// A sentence or two for the person who wants to sign in. `provider`: oidc.name.
std::string outcome_text(Outcome outcome, const std::string& provider);

// What the browser brought to /oidc/callback.
struct Callback {
  std::string code;
  std::string state;
  std::string issuer;  // `iss`
  std::string error;
  std::string cookie;  // of cookie_name(state)
};

class Provider : public std::enable_shared_from_this<Provider> {
 public:
  struct Limits {
    std::chrono::seconds keys_every{60};
    std::chrono::seconds kept{3600};
    unsigned at_once = 32;
  };
  // `options` have been checked. `public_url`: the page's address.
  Provider(boost::asio::any_io_executor executor, Options options, const std::string& public_url, Limits limits);
  Provider(boost::asio::any_io_executor executor, Options options, const std::string& public_url)
      : Provider(std::move(executor), std::move(options), public_url, Limits()) {}

  struct Begun {
    Outcome outcome = Outcome::kDone;
    std::string reason;    // for the log, if it is not kDone
    std::string location;  // where to send the browser
    Ticket ticket;
  };
  boost::asio::awaitable<Begun> begin(std::string to);

  struct Finished {
    Outcome outcome = Outcome::kDone;
    std::string reason;  // for the log, if it is not kDone; has no secret
    Person person;
    std::string to;
  };
  boost::asio::awaitable<Finished> finish(Callback callback);

  boost::asio::any_io_executor executor() const { return executor_; }
  const Options& options() const { return options_; }
  const std::string& public_url() const { return public_url_; }  // without '/' at its end
  // Of the issuer and the client: sessions of another one end.
  std::string identity() const { return options_.issuer + ' ' + options_.client_id; }

  void count(Outcome outcome) { ++counts_[static_cast<std::size_t>(outcome)]; }
  std::uint64_t counted(Outcome outcome) const { return counts_[static_cast<std::size_t>(outcome)]; }

 private:
  class Turn;
  struct Tokens {
    std::string id_token;
    std::string access_token;
  };
  using Time = std::chrono::steady_clock::time_point;
  template <class T>
  using Answer = boost::asio::awaitable<Result<T>>;

  std::string redirect_address() const { return public_url_ + "/oidc/callback"; }
  Answer<sink::HttpAnswer> ask(std::string url, sink::HttpRequest request);
  Answer<std::string> get(std::string url, std::string authorization);  // an answer of 200
  boost::asio::awaitable<Status> learn();                               // fills discovery_
  boost::asio::awaitable<Status> learn_keys();                          // fills keys_
  Result<sink::HttpRequest> token_request(const std::string& code, const std::string& verifier) const;
  // kDenied: the provider refuses this server; kInvalid: it refuses the code.
  Answer<Tokens> redeem(std::string code, std::string verifier);
  boost::asio::awaitable<Status> verify(const std::string& text, boost::json::object& claims);
  boost::asio::awaitable<void> add_claims(boost::json::object& claims, std::string access_token);
  boost::asio::awaitable<Finished> sign_in(Callback callback, Ticket ticket);

  const boost::asio::any_io_executor executor_;
  const Options options_;
  const std::string public_url_;
  const Limits limits_;
  Tickets tickets_;
  std::optional<Discovery> discovery_;
  Time discovered_{};
  Time failed_{};        // when the description was asked for in vain; the epoch: not
  std::string failure_;  // why
  std::optional<KeySet> keys_;
  Time keys_asked_{};
  unsigned under_way_ = 0;
  std::array<std::atomic<std::uint64_t>, kOutcomes> counts_{};
};

}  // namespace resmon::oidc
