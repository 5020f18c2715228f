// What an ID token must be to sign somebody in, and every way in which one is refused.

#include "oidc/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "oidc/test_keys.h"

namespace resmon::oidc {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using testing::key_set;
using testing::SigningKey;

constexpr std::int64_t kNow = 1'800'000'000;

const SigningKey& rsa() {
  static const SigningKey key = SigningKey::rsa();
  return key;
}
const SigningKey& curve() {
  static const SigningKey key = SigningKey::curve();
  return key;
}

Expected expected() {
  return {"https://id.example.org", "resmon", "the-nonce", "", kNow};
}

json::object good_claims() {
  return {{"iss", "https://id.example.org"},
          {"aud", "resmon"},
          {"sub", "12"},
          {"nonce", "the-nonce"},
          {"iat", kNow - 5},
          {"exp", kNow + 300}};
}

KeySet keys_of(const json::array& keys) {
  auto parsed = KeySet::parse(key_set(keys));
  EXPECT_TRUE(parsed);
  return *parsed;
}

// All of what a sign-in checks; "": it is good.
std::string refusal(const std::string& text, const KeySet& keys, const Expected& wanted = expected()) {
  const auto token = Token::parse(text);
  if (!token) return token.error().message;
  Status good = keys.verify(token->algorithm, token->key_id, token->signed_text, token->signature);
  if (good) good = check_claims(token->claims, wanted);
  return good ? "" : good.error().message;
}

std::string refusal_of_claims(const json::object& claims, const Expected& wanted = expected()) {
  return refusal(rsa().token("RS256", "a", claims), keys_of({rsa().jwk("a")}), wanted);
}

TEST(IdToken, GoodOnesOfThreeAlgorithmsAreTaken) {
  const KeySet keys = keys_of({rsa().jwk("a"), curve().jwk("b")});
  EXPECT_EQ(refusal(rsa().token("RS256", "a", good_claims()), keys), "");
  EXPECT_EQ(refusal(rsa().token("PS256", "a", good_claims()), keys), "");
  EXPECT_EQ(refusal(curve().token("ES256", "b", good_claims()), keys), "");
}

// The example of RFC 7515, appendix A.3: keys and signatures of others are read as they are meant.
TEST(IdToken, TheSpecificationsOwnSignatureIsRight) {
  const auto keys =
      KeySet::parse(R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  ASSERT_TRUE(keys);
  const auto token = Token::parse(
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV"
      "lfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  ASSERT_TRUE(token);
  EXPECT_TRUE(keys->verify(token->algorithm, "", token->signed_text, token->signature));
}

TEST(IdToken, AChangedBitAnywhereIsNoticed) {
  const KeySet keys = keys_of({rsa().jwk("a"), curve().jwk("b")});
  for (const std::string& good : {rsa().token("RS256", "a", good_claims()), curve().token("ES256", "b", good_claims())})
    for (std::size_t at = 0; at < good.size(); at += 7) {
      std::string changed = good;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      EXPECT_NE(refusal(changed, keys), "") << at;
    }
}

TEST(IdToken, OneWithoutASignatureIsRefused) {
  const KeySet keys = keys_of({rsa().jwk("a")});
  const std::string claims = base64url(json::serialize(good_claims()));
  for (const char* const name : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string header = base64url(json::serialize(json::object{{"alg", name}, {"kid", "a"}}));
    EXPECT_THAT(refusal(header + '.' + claims + '.', keys), HasSubstr("signed")) << name;
  }
  const std::string signed_one = rsa().token("RS256", "a", good_claims());
  EXPECT_NE(refusal(signed_one.substr(0, signed_one.rfind('.') + 1), keys), "");
  EXPECT_NE(refusal(signed_one.substr(0, signed_one.rfind('.')), keys), "");
}

// The classic confusion: the public key, which all know, as the secret of an HMAC.
TEST(IdToken, ASharedSecretIsRefused) {
  const KeySet keys = keys_of({rsa().jwk("a")});
  const std::string text = base64url(R"({"alg":"HS256","kid":"a"})") + '.' + base64url(json::serialize(good_claims()));
  const std::string secret = json::serialize(rsa().jwk("a"));
  unsigned char mac[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  EXPECT_THAT(refusal(text + '.' + base64url({reinterpret_cast<const char*>(mac), size}), keys),
              HasSubstr("shared secret"));
  for (const char* const name : {"HS384", "RS384", "RS512", "ES384", "EdDSA", "rs256", "RSA1_5"})
    EXPECT_FALSE(parse_algorithm(name)) << name;
}

TEST(IdToken, OfAnotherKeyOrAKeyOfAnotherKindIsRefused) {
  const SigningKey other = SigningKey::rsa();
  const KeySet keys = keys_of({rsa().jwk("a"), curve().jwk("b")});
  EXPECT_THAT(refusal(other.token("RS256", "a", good_claims()), keys), HasSubstr("signature"));
  EXPECT_THAT(refusal(other.token("RS256", "unknown", good_claims()), keys), HasSubstr("no key"));
  EXPECT_THAT(refusal(rsa().token("RS256", "b", good_claims()), keys), HasSubstr("no key"));
  EXPECT_THAT(refusal(curve().token("ES256", "a", good_claims()), keys), HasSubstr("no key"));
  json::object only_pss = rsa().jwk("a");
  only_pss["alg"] = "PS256";
  EXPECT_THAT(refusal(rsa().token("RS256", "a", good_claims()), keys_of({only_pss})), HasSubstr("no key"));
  EXPECT_EQ(refusal(rsa().token("PS256", "a", good_claims()), keys_of({only_pss})), "");
}

TEST(IdToken, WithoutAKeysNameThereMustBeOneKey) {
  const SigningKey other = SigningKey::rsa();
  EXPECT_EQ(refusal(rsa().token("RS256", "", good_claims()), keys_of({rsa().jwk("a"), curve().jwk("b")})), "");
  EXPECT_THAT(refusal(rsa().token("RS256", "", good_claims()), keys_of({rsa().jwk("a"), other.jwk("b")})),
              HasSubstr("several"));
}

TEST(IdToken, MalformedOnesAreRefused) {
  const KeySet keys = keys_of({rsa().jwk("a")});
  const std::string header = base64url(R"({"alg":"RS256"})");
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("..."), header, header + ".e30",
        header + ".e30.AA.AA.AA", header + ".e30=.AA", header + ".e3 0.AA", header + '.' + base64url("[]") + ".AA",
        header + '.' + base64url("{") + ".AA", base64url("7") + ".e30.AA",
        base64url(R"({"alg":"RS256","kid":7})") + ".e30.AA", base64url(R"({"alg":7})") + ".e30.AA",
        header + '.' + std::string(kMostTokenBytes, 'A') + ".AA"})
    EXPECT_NE(refusal(text, keys), "") << text.substr(0, 80);
  EXPECT_THAT(refusal(rsa().token("RS256", "a", good_claims(), {{"crit", json::array{"b64"}}, {"b64", false}}), keys),
              HasSubstr("crit"));
}

TEST(IdToken, TheIssuerIsCompared) {
  json::object claims = good_claims();
  for (const json::value& other : {json::value("https://id.example.org/"), json::value("https://evil.example.org"),
                                   json::value(7), json::value(json::array{"https://id.example.org"})}) {
    claims["iss"] = other;
    EXPECT_THAT(refusal_of_claims(claims), HasSubstr("iss"));
  }
  claims.erase("iss");
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("iss"));
}

TEST(IdToken, TheAudienceIsCompared) {
  json::object claims = good_claims();
  claims["aud"] = "other";
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("aud"));
  claims["aud"] = json::array{"other", "resmo"};
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("aud"));
  claims["aud"] = json::array{"resmon"};
  EXPECT_EQ(refusal_of_claims(claims), "");
  claims["aud"] = json::array{"other", "resmon"};
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("azp"));
  claims["azp"] = "resmon";
  EXPECT_EQ(refusal_of_claims(claims), "");
  claims["azp"] = "other";
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("azp"));
  claims["aud"] = "resmon";
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("azp"));
  claims.erase("aud");
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("aud"));
}

TEST(IdToken, TimesAreCompared) {
  const auto with = [](std::string_view key, const json::value& value) {
    json::object claims = good_claims();
    claims[json::string_view(key.data(), key.size())] = value;
    return refusal_of_claims(claims);
  };
  EXPECT_EQ(with("exp", kNow - kLeewaySeconds + 1), "");
  EXPECT_THAT(with("exp", kNow - kLeewaySeconds), HasSubstr("expired"));
  EXPECT_EQ(with("exp", static_cast<double>(kNow) + 300.5), "");
  EXPECT_THAT(with("exp", json::value(std::to_string(kNow + 300))), HasSubstr("exp"));
  EXPECT_THAT(with("exp", 1e300), HasSubstr("exp"));
  EXPECT_THAT(with("exp", nullptr), HasSubstr("exp"));
  EXPECT_EQ(with("iat", kNow + kLeewaySeconds), "");
  EXPECT_THAT(with("iat", kNow + kLeewaySeconds + 1), HasSubstr("future"));
  EXPECT_THAT(with("iat", nullptr), HasSubstr("iat"));
  EXPECT_EQ(with("nbf", kNow + kLeewaySeconds), "");
  EXPECT_THAT(with("nbf", kNow + kLeewaySeconds + 1), HasSubstr("nbf"));
  EXPECT_THAT(with("nbf", "soon"), HasSubstr("nbf"));
}

TEST(IdToken, NonceAndSubjectAreCompared) {
  json::object claims = good_claims();
  claims["nonce"] = "another";
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("nonce"));
  claims.erase("nonce");
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("nonce"));
  Expected none = expected();
  none.nonce = "";
  EXPECT_THAT(refusal_of_claims(claims, none), HasSubstr("nonce")) << "nothing compares equal to nothing";
  claims = good_claims();
  claims.erase("sub");
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("sub"));
  claims["sub"] = std::string(256, 's');
  EXPECT_THAT(refusal_of_claims(claims), HasSubstr("sub"));
}

// The access token and its hash of OpenID Connect Core, section A.3.
TEST(IdToken, TheAccessTokensHashIsCompared) {
  Expected wanted = expected();
  wanted.access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
  json::object claims = good_claims();
  EXPECT_EQ(refusal_of_claims(claims, wanted), "") << "a token need not have it";
  claims["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ";
  EXPECT_EQ(refusal_of_claims(claims, wanted), "");
  claims["at_hash"] = "77QmUPtjPfzWtF2AnpK9RR";
  EXPECT_THAT(refusal_of_claims(claims, wanted), HasSubstr("at_hash"));
  claims["at_hash"] = 7;
  EXPECT_THAT(refusal_of_claims(claims, wanted), HasSubstr("at_hash"));
}

TEST(KeySet, KeysThatCannotBeUsedAreLeftOut) {
  const auto with = [](json::object key, std::string_view name, const json::value& value) {
    key[json::string_view(name.data(), name.size())] = value;
    return keys_of({std::move(key)}).size();
  };
  const json::object a = rsa().jwk("a");
  const json::object b = curve().jwk("b");
  EXPECT_EQ(keys_of({a, b}).size(), 2U);
  EXPECT_EQ(with(a, "use", "enc"), 0U);
  EXPECT_EQ(with(a, "key_ops", json::array{"encrypt"}), 0U);
  EXPECT_EQ(with(a, "key_ops", json::array{"verify"}), 1U);
  EXPECT_EQ(with(a, "kty", "oct"), 0U);
  EXPECT_EQ(with(a, "kty", "EC"), 0U);
  EXPECT_EQ(with(a, "e", "AQ"), 0U) << "with the exponent 1 every signature would be right";
  EXPECT_EQ(with(a, "e", "AAAAAAAAAAAAAAAA"), 0U);
  EXPECT_EQ(with(a, "n", json::value(base64url(std::string(2000, '\xff')))), 0U) << "checking it would take long";
  EXPECT_EQ(with(b, "crv", "P-384"), 0U);
  EXPECT_EQ(with(b, "x", json::value(base64url(std::string(32, '\1')))), 0U) << "not on the curve";
  EXPECT_EQ(with(b, "x", json::value(base64url(std::string(33, '\1')))), 0U);
  EXPECT_EQ(keys_of({SigningKey::rsa(1024).jwk("short")}).size(), 0U);
  EXPECT_EQ(keys_of({7, "x", nullptr, json::array{}, json::object{}}).size(), 0U);
  EXPECT_EQ(keys_of(json::array(kMostKeys + 1, b)).size(), kMostKeys);
}

TEST(KeySet, WhatIsNoSetIsAnError) {
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"keys":{}})"), std::string("{\"keys\":["),
        "{\"keys\":[" + std::string(kMostKeySetBytes, ' ') + "]}", std::string(100, '[')})
    EXPECT_FALSE(KeySet::parse(text)) << text.substr(0, 40);
}

TEST(Base64Url, IsItsOwnInverseAndStrict) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(from_base64url(base64url(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  for (const char* const text : {"A", "AA=", "A A", "AB", "AAB", "A+", "A/", "AAAAA"})
    EXPECT_EQ(from_base64url(text), std::nullopt) << text;
}

}  // namespace
}  // namespace resmon::oidc
