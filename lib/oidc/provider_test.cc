// The whole way of a sign-in against a provider that answers as each test says. What a real one does is tested in
// tests/browser/oidc.test.mjs.

#include "oidc/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>

#include "base/clock.h"
#include "oidc/test_keys.h"
#include "sink/test_support.h"

namespace resmon::oidc {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using sink::testing::FakeServer;
using sink::testing::reply;
using ::testing::HasSubstr;
using testing::key_set;
using ::testing::Not;
using testing::SigningKey;

const SigningKey& provider_key() {
  static const SigningKey key = SigningKey::curve();
  return key;
}

std::string parameter_of(const std::string& url, const std::string& name) {
  const std::size_t at = url.find(name + '=');
  return at == std::string::npos ? "" : url.substr(at + name.size() + 1, url.find('&', at) - at - name.size() - 1);
}

class ProviderTest : public ::testing::Test {
 protected:
  ProviderTest()
      : server_([this](const sink::testing::Request& request) { return token_answer_(request); },
                [this](const sink::testing::Request& request) { return get(request); }) {
    options_.issuer = server_.url();
    options_.client_id = "res mon";
    options_.admin_values = {"boss"};
    options_.default_role = "viewer";
    options_.timeout = std::chrono::seconds(20);
    claims_ = {{"iss", options_.issuer},
               {"aud", options_.client_id},
               {"sub", "7"},
               {"iat", seconds()},
               {"exp", seconds() + 300},
               {"preferred_username", "mia"},
               {"groups", json::array{"boss"}}};
    token_answer_ = [this](const sink::testing::Request&) {
      return tokens(provider_key().token("ES256", "k1", claims_));
    };
  }

  static std::int64_t seconds() { return Clock::system().wall() / 1'000'000'000; }

  std::string get(const sink::testing::Request& request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request.target);
    if (request.target == "/.well-known/openid-configuration") {
      json::object document{{"issuer", server_.url()},
                            {"authorization_endpoint", server_.url("/auth")},
                            {"token_endpoint", server_.url("/token")},
                            {"jwks_uri", server_.url("/keys")}};
      if (!userinfo_.empty()) document["userinfo_endpoint"] = server_.url("/me");
      for (const auto& [key, value] : more_) document[key] = value;
      return document_status_ == 200 ? reply(200, json::serialize(document)) : reply(document_status_, "");
    }
    if (request.target == "/keys") return reply(200, keys_);
    if (request.target == "/me") {
      userinfo_authorization_ = request.headers.at("authorization");
      return reply(200, userinfo_);
    }
    return reply(404, "");
  }
  std::size_t times_asked(const std::string& target) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count(asked_.begin(), asked_.end(), target));
  }

  static std::string tokens(const std::string& id_token) {
    return reply(200, json::serialize(json::object{{"id_token", id_token}, {"access_token", "access"}}));
  }

  Provider& provider() {
    if (!provider_)
      provider_ = std::make_shared<Provider>(context_.get_executor(), options_, "https://resmon.example/", limits_);
    return *provider_;
  }
  template <class T>
  T run(asio::awaitable<T> work) {
    auto future = asio::co_spawn(context_, std::move(work), asio::use_future);
    context_.restart();
    context_.run();
    return future.get();
  }
  Provider::Begun begin(const std::string& to = "") { return run(provider().begin(to)); }
  // The browser comes back with what it was sent away with.
  Provider::Finished finish(const Provider::Begun& begun, const std::string& issuer = "") {
    return run(provider().finish({"the-code", begun.ticket.state, issuer, "", begun.ticket.cookie}));
  }
  Provider::Finished sign_in() {
    const Provider::Begun begun = begin();
    claims_["nonce"] = begun.ticket.nonce;
    return finish(begun);
  }

  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::string keys_ = key_set({provider_key().jwk("k1")});
  std::string userinfo_;
  std::string userinfo_authorization_;
  json::object more_;
  int document_status_ = 200;
  json::object claims_;
  sink::testing::Handler token_answer_;
  FakeServer server_;
  Options options_;
  Provider::Limits limits_;
  asio::io_context context_;
  std::shared_ptr<Provider> provider_;
};

TEST_F(ProviderTest, SignsInOverCodeAndPkce) {
  const Provider::Begun begun = begin("#/host/a");
  ASSERT_EQ(begun.outcome, Outcome::kDone) << begun.reason;
  EXPECT_TRUE(begun.location.starts_with(server_.url("/auth?response_type=code&")));
  EXPECT_EQ(parameter_of(begun.location, "client_id"), "res%20mon");
  EXPECT_EQ(parameter_of(begun.location, "redirect_uri"), "https%3A%2F%2Fresmon.example%2Foidc%2Fcallback");
  EXPECT_EQ(parameter_of(begun.location, "scope"), "openid%20profile%20email");
  EXPECT_EQ(parameter_of(begun.location, "state"), begun.ticket.state);
  EXPECT_EQ(parameter_of(begun.location, "nonce"), begun.ticket.nonce);
  EXPECT_EQ(parameter_of(begun.location, "code_challenge"), begun.ticket.challenge);
  EXPECT_EQ(parameter_of(begun.location, "code_challenge_method"), "S256");
  EXPECT_THAT(begun.location, Not(HasSubstr(begun.ticket.verifier)));
  claims_["nonce"] = begun.ticket.nonce;
  const Provider::Finished done = finish(begun);
  ASSERT_EQ(done.outcome, Outcome::kDone) << done.reason;
  EXPECT_EQ(done.person.name, "mia");
  EXPECT_EQ(done.person.role, auth::Role::kAdmin);
  EXPECT_EQ(done.to, "#/host/a");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(parameter_of(requests[0].body, "code"), "the-code");
  EXPECT_EQ(parameter_of(requests[0].body, "code_verifier"), begun.ticket.verifier);
  EXPECT_EQ(parameter_of(requests[0].body, "client_id"), "res%20mon") << "a public client";
  EXPECT_FALSE(requests[0].headers.contains("authorization"));
}

TEST_F(ProviderTest, TheSecretIsSentAsTheProviderWantsIt) {
  const std::string file = ::testing::TempDir() + "oidc_secret";
  std::ofstream(file) << "s:cret/\n";
  options_.client_secret_file = file;
  ASSERT_EQ(sign_in().outcome, Outcome::kDone);
  EXPECT_EQ(server_.requests().back().headers.at("authorization"), "Basic " + sink::base64("res%20mon:s%3Acret%2F"));
  EXPECT_THAT(server_.requests().back().body, Not(HasSubstr("client_secret")));
  more_ = {{"token_endpoint_auth_methods_supported", json::array{"client_secret_post"}}};
  provider_.reset();
  ASSERT_EQ(sign_in().outcome, Outcome::kDone);
  EXPECT_EQ(parameter_of(server_.requests().back().body, "client_secret"), "s%3Acret%2F");
  EXPECT_FALSE(server_.requests().back().headers.contains("authorization"));
}

TEST_F(ProviderTest, AnAnswerCountsOnceAndInItsBrowserOnly) {
  const Provider::Begun begun = begin();
  claims_["nonce"] = begun.ticket.nonce;
  EXPECT_EQ(run(provider().finish({"the-code", begun.ticket.state, "", "", ""})).outcome, Outcome::kStale);
  EXPECT_EQ(run(provider().finish({"the-code", "", "", "", begun.ticket.cookie})).outcome, Outcome::kStale);
  EXPECT_TRUE(server_.requests().empty()) << "no code is redeemed for it";
  EXPECT_EQ(finish(begun).outcome, Outcome::kDone);
  EXPECT_EQ(finish(begun).outcome, Outcome::kStale);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(ProviderTest, ATokenOfAnotherSignInIsRefused) {
  const Provider::Begun other = begin();
  const Provider::Begun begun = begin();
  claims_["nonce"] = other.ticket.nonce;
  const Provider::Finished done = finish(begun);
  EXPECT_EQ(done.outcome, Outcome::kToken);
  EXPECT_THAT(done.reason, HasSubstr("nonce"));
}

TEST_F(ProviderTest, AnExpiredTokenIsRefused) {
  claims_["exp"] = seconds() - 1000;
  const Provider::Finished done = sign_in();
  EXPECT_EQ(done.outcome, Outcome::kToken);
  EXPECT_THAT(done.reason, HasSubstr("expired"));
}

TEST_F(ProviderTest, TheAnswersIssuerIsCompared) {
  Provider::Begun begun = begin();
  EXPECT_EQ(finish(begun, "https://evil.example.org").outcome, Outcome::kToken);
  EXPECT_TRUE(server_.requests().empty()) << "the code is not shown to another";
  more_ = {{"authorization_response_iss_parameter_supported", true}};
  provider_.reset();
  begun = begin();
  EXPECT_EQ(finish(begun).outcome, Outcome::kToken) << "it is missing";
  begun = begin();
  claims_["nonce"] = begun.ticket.nonce;
  EXPECT_EQ(finish(begun, server_.url()).outcome, Outcome::kDone);
}

TEST_F(ProviderTest, WhatTheProviderRefusesIsToldApart) {
  const auto outcome_of = [&](int status, const std::string& body) {
    token_answer_ = [=](const sink::testing::Request&) { return reply(status, body); };
    return sign_in().outcome;
  };
  EXPECT_EQ(outcome_of(401, R"({"error":"invalid_client"})"), Outcome::kClient);
  EXPECT_EQ(outcome_of(400, R"({"error":"invalid_client"})"), Outcome::kClient);
  EXPECT_EQ(outcome_of(400, R"({"error":"invalid_grant"})"), Outcome::kRefused);
  EXPECT_EQ(outcome_of(500, "oops"), Outcome::kUnreachable);
  EXPECT_EQ(outcome_of(302, ""), Outcome::kUnreachable) << "redirections are not followed";
  EXPECT_EQ(outcome_of(200, "{}"), Outcome::kUnreachable);
  EXPECT_EQ(outcome_of(200, std::string(kMostDocumentBytes + 10, ' ')), Outcome::kUnreachable);
  const Provider::Begun begun = begin();
  const auto declined = run(provider().finish({"", begun.ticket.state, "", "access_denied", begun.ticket.cookie}));
  EXPECT_EQ(declined.outcome, Outcome::kRefused);
  EXPECT_THAT(declined.reason, HasSubstr("access_denied"));
}

TEST_F(ProviderTest, AnUnknownKeyHasTheKeysAskedForAgainButNotOften) {
  ASSERT_EQ(sign_in().outcome, Outcome::kDone);
  EXPECT_EQ(times_asked("/keys"), 1U);
  const SigningKey next = SigningKey::curve();
  keys_ = key_set({next.jwk("k2")});
  token_answer_ = [&](const sink::testing::Request&) { return tokens(next.token("ES256", "k2", claims_)); };
  EXPECT_EQ(sign_in().outcome, Outcome::kToken) << "within a minute";
  EXPECT_EQ(times_asked("/keys"), 1U);
  limits_.keys_every = std::chrono::seconds(0);
  provider_.reset();
  keys_ = key_set({provider_key().jwk("k1")});
  token_answer_ = [&](const sink::testing::Request&) { return tokens(provider_key().token("ES256", "k1", claims_)); };
  ASSERT_EQ(sign_in().outcome, Outcome::kDone);
  keys_ = key_set({next.jwk("k2")});
  token_answer_ = [&](const sink::testing::Request&) { return tokens(next.token("ES256", "k2", claims_)); };
  EXPECT_EQ(sign_in().outcome, Outcome::kDone);
  EXPECT_EQ(times_asked("/keys"), 3U);
  EXPECT_EQ(sign_in().outcome, Outcome::kDone);
  EXPECT_EQ(times_asked("/keys"), 3U);
}

TEST_F(ProviderTest, ClaimsThatTheTokenLacksAreAskedFor) {
  userinfo_ = R"({"sub":"7","preferred_username":"mia","groups":["boss"],"iss":"https://evil.example.org"})";
  claims_.erase("preferred_username");
  claims_.erase("groups");
  const Provider::Finished done = sign_in();
  ASSERT_EQ(done.outcome, Outcome::kDone) << done.reason;
  EXPECT_EQ(done.person.role, auth::Role::kAdmin);
  EXPECT_EQ(userinfo_authorization_, "Bearer access");
  userinfo_ = R"({"sub":"8","preferred_username":"eve","groups":["boss"]})";
  EXPECT_EQ(sign_in().outcome, Outcome::kName) << "another person's";
}

TEST_F(ProviderTest, AProviderThatIsDownIsAskedOnceInFiveSeconds) {
  document_status_ = 503;
  EXPECT_EQ(begin().outcome, Outcome::kUnreachable);
  EXPECT_THAT(begin().reason, HasSubstr("503"));
  EXPECT_EQ(times_asked("/.well-known/openid-configuration"), 1U);
}

TEST_F(ProviderTest, AProviderOfAnotherNameIsRefused) {
  more_ = {{"issuer", "https://other.example.org"}};
  const Provider::Begun begun = begin();
  EXPECT_EQ(begun.outcome, Outcome::kUnreachable);
  EXPECT_THAT(begun.reason, HasSubstr("https://other.example.org"));
}

TEST_F(ProviderTest, NoMoreThanItsNumberAtOnce) {
  limits_.at_once = 0;
  EXPECT_EQ(begin().outcome, Outcome::kBusy);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ProviderTest, NoReasonHasASecret) {
  const std::string file = ::testing::TempDir() + "oidc_secret";
  std::ofstream(file) << "s3cret-of-the-client\n";
  options_.client_secret_file = file;
  token_answer_ = [](const sink::testing::Request& request) { return reply(400, request.body); };
  const Provider::Begun begun = begin();
  const Provider::Finished done = finish(begun);
  EXPECT_EQ(done.outcome, Outcome::kUnreachable);
  for (const std::string& secret : {std::string("s3cret"), std::string("the-code"), begun.ticket.verifier})
    EXPECT_THAT(done.reason, Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace resmon::oidc
