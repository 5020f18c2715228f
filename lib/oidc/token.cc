#include "oidc/token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "oidc/base64url.h"
#include "oidc/json_members.h"

namespace resmon::oidc {

namespace {

constexpr std::size_t kMostSubjectBytes = 255;  // OpenID Connect Core, section 2
constexpr std::size_t kMostKeyIdBytes = 1024;

Unexpected<Error> refuse_token(std::string why) {
  return fail(ErrorKind::kDenied, std::move(why));
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Status check_audience(const boost::json::object& claims, const std::string& client_id) {
  const boost::json::value* const audience = claims.if_contains("aud");
  if (audience == nullptr || !any_text(*audience, [&](std::string_view one) { return one == client_id; }))
    return refuse_token("the ID token is for another program (aud)");
  const bool several = audience->is_array() && audience->get_array().size() > 1;
  const boost::json::value* const party = claims.if_contains("azp");
  if (party == nullptr && several)
    return refuse_token("the ID token is for several programs and does not say which may use it (azp)");
  if (party != nullptr && text_member(claims, "azp") != client_id)
    return refuse_token("the ID token was issued to another program (azp)");
  return {};
}

Status check_times(const boost::json::object& claims, std::int64_t now) {
  const auto expires = number_member(claims, "exp");
  const auto issued = number_member(claims, "iat");
  if (!expires || !issued) return refuse_token("the ID token does not say when it was issued and expires (iat, exp)");
  if (*expires <= now - kLeewaySeconds)
    return refuse_token("the ID token has expired; are the clocks of provider and server right?");
  if (*issued > now + kLeewaySeconds)
    return refuse_token("the ID token was issued in the future; are the clocks of provider and server right?");
  if (claims.contains("nbf")) {
    const auto begins = number_member(claims, "nbf");
    if (!begins || *begins > now + kLeewaySeconds) return refuse_token("the ID token is not valid yet (nbf)");
  }
  return {};
}

// The left half of the access token's SHA-256: that both came in one answer.
bool is_hash_of(std::string_view given, const std::string& access_token) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(access_token.data()), access_token.size(), digest);
  return same_text(given, base64url({reinterpret_cast<const char*>(digest), sizeof digest / 2}));
}

}  // namespace

Result<Token> Token::parse(std::string_view text) {
  if (text.size() > kMostTokenBytes) return fail(ErrorKind::kInvalid, "the ID token is too long");
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return fail(ErrorKind::kInvalid, "the ID token does not have three parts");
  if (text.find('.', second + 1) != std::string_view::npos)
    return refuse_token("the ID token is encrypted, or does not have three parts");
  const auto header_text = from_base64url(text.substr(0, first));
  const auto claims_text = from_base64url(text.substr(first + 1, second - first - 1));
  auto signature = from_base64url(text.substr(second + 1));
  if (!header_text || !claims_text || !signature) return fail(ErrorKind::kInvalid, "the ID token is no base 64");
  const auto header = parse_object(*header_text, kMostTokenBytes);
  auto claims = parse_object(*claims_text, kMostTokenBytes);
  if (!header || !claims) return fail(ErrorKind::kInvalid, "a part of the ID token is no JSON object");
  Token out;
  RESMON_ASSIGN(out.algorithm, parse_algorithm(text_member(*header, "alg")));
  if (header->contains("crit")) return refuse_token("the ID token needs an extension that is not known (crit)");
  if (const auto* const id = header->if_contains("kid"); id != nullptr && !id->is_string())
    return fail(ErrorKind::kInvalid, "the ID token's kid is no text");
  out.key_id = text_member(*header, "kid");
  if (out.key_id.size() > kMostKeyIdBytes) return fail(ErrorKind::kInvalid, "the ID token's kid is too long");
  out.claims = std::move(*claims);
  out.signed_text = text.substr(0, second);
  out.signature = *std::move(signature);
  return out;
}

Status check_claims(const boost::json::object& claims, const Expected& expected) {
  if (text_member(claims, "iss") != expected.issuer) return refuse_token("the ID token is of another issuer (iss)");
  RESMON_TRY(check_audience(claims, expected.client_id));
  RESMON_TRY(check_times(claims, expected.now_seconds));
  if (!same_text(text_member(claims, "nonce"), expected.nonce) || expected.nonce.empty())
    return refuse_token("the ID token is of another sign-in (nonce)");
  const std::string subject = text_member(claims, "sub");
  if (subject.empty() || subject.size() > kMostSubjectBytes) return refuse_token("the ID token names nobody (sub)");
  if (!expected.access_token.empty() && claims.contains("at_hash") &&
      !is_hash_of(text_member(claims, "at_hash"), expected.access_token))
    return refuse_token("the ID token belongs to another access token (at_hash)");
  return {};
}

}  // namespace resmon::oidc
