#pragma once

// A provider's description of itself (OpenID Connect Discovery 1.0). No I/O.

#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::oidc {

inline constexpr std::size_t kMostDocumentBytes = 256U << 10U;

struct Discovery {
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string userinfo_endpoint;  // empty: there is none
  std::string jwks_uri;
  bool takes_basic = true;    // the client's secret as Basic authentication; else in the form
  bool sends_issuer = false;  // in the answer that the browser brings (RFC 9207)

  // kInvalid: malformed, incomplete, of another issuer, or with an address that is neither https nor of this machine.
  static Result<Discovery> parse(std::string_view json, const std::string& issuer);
};

// Address of the document.
std::string discovery_address(const std::string& issuer);

// An address in its two parts, of which the second begins with '/': for those that may have a query.
struct SplitAddress {
  std::string origin;
  std::string target;
};
SplitAddress split_address(const std::string& url);

}  // namespace resmon::oidc
