// The provider's description, the person of the claims, the two halves of a sign-in, the settings.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "config/settings.h"
#include "oidc/discovery.h"
#include "oidc/person.h"
#include "oidc/provider.h"
#include "oidc/tickets.h"

namespace resmon::oidc {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

std::string description(std::string_view key = "", const json::value& value = nullptr) {
  json::object out{{"issuer", "https://id.example.org"},
                   {"authorization_endpoint", "https://id.example.org/auth"},
                   {"token_endpoint", "https://id.example.org/token"},
                   {"jwks_uri", "https://keys.example.org/jwks"}};
  if (!key.empty()) out[json::string_view(key.data(), key.size())] = value;
  return json::serialize(out);
}

std::string problem_of(const std::string& document) {
  const auto parsed = Discovery::parse(document, "https://id.example.org");
  return parsed ? "" : parsed.error().message;
}

TEST(Discovery, AGoodOneIsRead) {
  const auto parsed = Discovery::parse(description(), "https://id.example.org");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->token_endpoint, "https://id.example.org/token");
  EXPECT_TRUE(parsed->takes_basic) << "what is not said is Basic";
  EXPECT_FALSE(Discovery::parse(description("token_endpoint_auth_methods_supported", json::array{"client_secret_post"}),
                                "https://id.example.org")
                   ->takes_basic);
  EXPECT_EQ(problem_of(description("authorization_endpoint", "https://id.example.org/auth?policy=a")), "");
}

TEST(Discovery, WhatIsWrongIsNamed) {
  EXPECT_THAT(problem_of(description("issuer", "https://other.example.org")), HasSubstr("oidc.issuer"));
  EXPECT_THAT(problem_of(description("issuer", "https://id.example.org/")), HasSubstr("oidc.issuer"));
  EXPECT_THAT(problem_of(description("jwks_uri", nullptr)), HasSubstr("jwks_uri"));
  EXPECT_THAT(problem_of(description("token_endpoint", "http://id.example.org/token")), HasSubstr("https://"));
  EXPECT_THAT(problem_of(description("token_endpoint", "http://127.0.0.1/token")), HasSubstr("https://"));
  EXPECT_THAT(problem_of(description("jwks_uri", "file:///etc/passwd")), HasSubstr("jwks_uri"));
  EXPECT_THAT(problem_of(description("authorization_endpoint", "https://a/b\r\nSet-Cookie: x")),
              HasSubstr("authorization"));
  EXPECT_THAT(problem_of(description("authorization_endpoint", "https://a/b?x\r\nSet-Cookie: x")),
              HasSubstr("authorization"));
  EXPECT_THAT(problem_of(description("userinfo_endpoint", "nowhere")), HasSubstr("userinfo_endpoint"));
  EXPECT_THAT(problem_of("[]"), HasSubstr("JSON"));
  EXPECT_THAT(problem_of(description() + std::string(kMostDocumentBytes, ' ')), HasSubstr("long"));
}

TEST(Discovery, AddressesAreTakenApart) {
  EXPECT_EQ(discovery_address("https://a/x/"), "https://a/x/.well-known/openid-configuration");
  EXPECT_EQ(split_address("https://a:8443/b?c=d").origin, "https://a:8443");
  EXPECT_EQ(split_address("https://a:8443/b?c=d").target, "/b?c=d");
  EXPECT_EQ(split_address("https://a").target, "/");
  EXPECT_EQ(split_address("https://a?c").target, "/?c");
}

Options with_roles() {
  Options out;
  out.admin_claim = "realm_access.roles";
  out.admin_values = {"boss", "chief"};
  out.viewer_claim = "groups";
  out.viewer_values = {"staff"};
  return out;
}

TEST(Person, TheRoleIsTheClaims) {
  const Options options = with_roles();
  const auto role = [&](json::object claims) -> std::string {
    claims["preferred_username"] = "mia";
    claims["sub"] = "7";
    const auto person = person_of(claims, options);
    return person ? std::string(auth::role_name(person->role)) : person.error().message;
  };
  EXPECT_EQ(role({{"realm_access", json::object{{"roles", json::array{"x", "chief"}}}}}), "admin");
  EXPECT_EQ(role({{"realm_access.roles", "boss"}}), "admin") << "a claim whose name has a dot";
  EXPECT_EQ(role({{"groups", "staff"}}), "viewer");
  EXPECT_EQ(role({{"groups", json::array{"staffs", 7}}}), "no claim gives a role");
  EXPECT_EQ(role({{"groups", "staff boss"}}), "no claim gives a role");
  EXPECT_EQ(role({{"realm_access", "boss"}}), "no claim gives a role");
  EXPECT_EQ(role({}), "no claim gives a role");
}

TEST(Person, WithoutAClaimTheDefaultCounts) {
  Options options;
  options.default_role = "viewer";
  const auto person = person_of({{"preferred_username", "mia"}, {"sub", "7"}}, options);
  ASSERT_TRUE(person);
  EXPECT_EQ(person->role, auth::Role::kViewer);
  EXPECT_EQ(person->subject, "7");
}

TEST(Person, ATrueClaimCanGiveARole) {
  Options options;
  options.admin_claim = "is_admin";
  options.admin_values = {"true"};
  EXPECT_EQ(person_of({{"preferred_username", "mia"}, {"is_admin", true}}, options)->role, auth::Role::kAdmin);
  EXPECT_FALSE(person_of({{"preferred_username", "mia"}, {"is_admin", false}}, options));
}

// Whoever may write an address into a profile would be whom that address belongs to.
TEST(Person, AnAddressCountsOnlyIfItIsVerified) {
  Options options;
  options.user_claim = "email";
  options.admin_claim = "email";
  options.admin_values = {"mia@example.org"};
  json::object claims{{"email", "mia@example.org"}, {"sub", "7"}};
  EXPECT_FALSE(person_of(claims, options));
  claims["email_verified"] = false;
  EXPECT_FALSE(person_of(claims, options));
  claims["email_verified"] = true;
  EXPECT_EQ(person_of(claims, options)->role, auth::Role::kAdmin);
  options.user_claim = "name";
  claims["name"] = "mia";
  claims["email_verified"] = false;
  EXPECT_FALSE(person_of(claims, options)) << "no role by it either";
}

TEST(Person, ANameMustBeOneThatAUserCanHave) {
  Options options;
  options.default_role = "viewer";
  for (const json::value& name : {json::value(""), json::value("mia moon"), json::value("a\nb"), json::value("a:b"),
                                  json::value(std::string(65, 'a')), json::value(7), json::value(nullptr)})
    EXPECT_FALSE(person_of({{"preferred_username", name}}, options)) << name;
}

TEST(Tickets, AreGoodOnceInTheirTime) {
  Tickets tickets;
  const Ticket made = tickets.make("#/host/a", 1000);
  EXPECT_EQ(made.verifier.size(), 43U);
  EXPECT_EQ(made.state.size(), 43U);
  EXPECT_NE(made.nonce, made.state);
  EXPECT_NE(tickets.make("#/host/a", 1000).state, made.state);
  EXPECT_FALSE(tickets.use(made.cookie, tickets.make("", 1000).state, 1001)) << "another sign-in's answer";
  EXPECT_FALSE(tickets.use(made.cookie, "", 1001));
  EXPECT_FALSE(tickets.use("", made.state, 1001)) << "another browser";
  EXPECT_FALSE(tickets.use(made.cookie, made.state, 1000 + kTicketSeconds)) << "too late";
  const auto used = tickets.use(made.cookie, made.state, 1001);
  ASSERT_TRUE(used);
  EXPECT_EQ(used->to, "#/host/a");
  EXPECT_EQ(used->verifier, made.verifier);
  EXPECT_FALSE(tickets.use(made.cookie, made.state, 1002)) << "used";
}

TEST(Tickets, OfAnotherServerOrChangedAreNone) {
  Tickets tickets;
  const Ticket made = tickets.make("#/a", 1000);
  EXPECT_FALSE(Tickets().use(made.cookie, made.state, 1001));
  for (std::size_t at = 0; at < made.cookie.size(); ++at) {
    std::string changed = made.cookie;
    changed[at] = changed[at] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(tickets.use(changed, made.state, 1001)) << at;
  }
}

TEST(Tickets, WhatIsRememberedOfUsedOnesIsBounded) {
  Tickets tickets;
  for (std::size_t i = 0; i < kMostUsedTickets + 10; ++i) {
    const Ticket one = tickets.make("", 1000);
    EXPECT_TRUE(tickets.use(one.cookie, one.state, 1000));
    if (i + 1 == kMostUsedTickets + 10) {
      EXPECT_FALSE(tickets.use(one.cookie, one.state, 1000));
    }
  }
}

TEST(Outcomes, EachHasANameAndWords) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto one = static_cast<Outcome>(i);
    EXPECT_EQ(parse_outcome(outcome_name(one)), one);
    EXPECT_EQ(outcome_text(one, "Keycloak").empty(), one == Outcome::kDone);
  }
  EXPECT_EQ(parse_outcome("<script>"), std::nullopt);
}

class OidcSettings : public ::testing::Test {
 protected:
  // What is wrong with the file; "": nothing.
  std::string problem(const std::string& toml, const std::string& public_url = "https://resmon.example") {
    Options options;
    config::Settings settings("server");
    options.declare(settings);
    if (Status read = settings.load_text("[oidc]\n" + toml, "server.toml"); !read) return read.error().message;
    Status good = options.check(public_url);
    return good ? "" : good.error().message;
  }
  const std::string good_ = "issuer = \"https://id.example.org\"\nclient_id = \"resmon\"\ndefault_role = \"viewer\"\n";
};

TEST_F(OidcSettings, WhatIsWrongIsNamed) {
  EXPECT_EQ(problem(""), "");
  EXPECT_EQ(problem(good_), "");
  EXPECT_THAT(problem("client_id = \"resmon\""), HasSubstr("oidc.issuer"));
  EXPECT_THAT(problem("issuer = \"https://id.example.org\""), HasSubstr("oidc.client_id"));
  EXPECT_THAT(problem("issuer = \"http://id.example.org\"\nclient_id = \"a\""), HasSubstr("https://"));
  EXPECT_THAT(problem("issuer = \"https://a:b@id.example.org\"\nclient_id = \"a\""), HasSubstr("password"));
  EXPECT_THAT(problem("issuer = \"https://id.example.org/?a\"\nclient_id = \"a\""), HasSubstr("oidc.issuer"));
  EXPECT_EQ(problem("issuer = \"http://127.0.0.1:8080\"\nclient_id = \"a\"\ndefault_role = \"viewer\""), "");
  EXPECT_THAT(problem(good_, ""), HasSubstr("http.public_url"));
  EXPECT_THAT(problem(good_, "http://resmon.example"), HasSubstr("http.public_url"));
  EXPECT_THAT(problem(good_, "https://resmon.example/monitor"), HasSubstr("path"));
  EXPECT_EQ(problem(good_, "https://resmon.example/"), "");
  EXPECT_THAT(problem(good_ + "scopes = [\"profile\"]"), HasSubstr("openid"));
  EXPECT_THAT(problem(good_ + "admin_values = [\"\"]"), HasSubstr("admin_values"));
  EXPECT_THAT(problem("issuer = \"https://id.example.org\"\nclient_id = \"resmon\""), HasSubstr("nobody"));
  EXPECT_THAT(problem(good_ + "client_secret_file = \"/nowhere/secret\""), HasSubstr("/nowhere/secret"));
  EXPECT_THAT(problem(good_ + "ca_file = \"/nowhere/ca\""), HasSubstr("/nowhere/ca"));
  EXPECT_THAT(problem(good_ + "default_role = \"root\""), HasSubstr("default_role"));
}

}  // namespace
}  // namespace resmon::oidc
