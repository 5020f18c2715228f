#pragma once

// Base 64 for addresses (RFC 4648, section 5), as tokens and keys of OpenID Connect have it: without padding.

#include <optional>
#include <string>
#include <string_view>

namespace resmon::oidc {

std::string base64url(std::string_view bytes);
// Nothing: another character, padding, a length that no bytes have, or bits beyond the last byte that are not zero.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace resmon::oidc
