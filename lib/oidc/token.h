#pragma once

// ID tokens (OpenID Connect Core 1.0, sections 2 and 3.1.3.7) in the compact form of RFC 7515. No I/O. Errors say what
// is wrong and repeat nothing of the token.

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oidc/keys.h"

namespace resmon::oidc {

inline constexpr std::size_t kMostTokenBytes = 64U << 10U;
inline constexpr std::int64_t kLeewaySeconds = 60;  // that the clocks of provider and server may differ

// A token that is not checked yet.
struct Token {
  Algorithm algorithm = Algorithm::kRs256;
  std::string key_id;  // `kid`; empty: none
  boost::json::object claims;
  std::string_view signed_text;  // points into the text that was parsed
  std::string signature;

  // kInvalid: malformed. kDenied: an algorithm, or a critical extension, that is not accepted.
  static Result<Token> parse(std::string_view text);
};

struct Expected {
  std::string issuer;
  std::string client_id;
  std::string nonce;
  std::string access_token;      // for `at_hash`, where the token has one; empty: not compared
  std::int64_t now_seconds = 0;  // since 1970
};

// The signature is not looked at: KeySet::verify. kDenied: a claim is missing, or is not as expected.
Status check_claims(const boost::json::object& claims, const Expected& expected);

}  // namespace resmon::oidc
