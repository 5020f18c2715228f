#pragma once

// Codes of a second factor (TOTP, RFC 6238: HMAC-SHA-1, 6 digits, 30 s), as phones' authenticator programs make them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::auth {

inline constexpr std::size_t kTotpSecretBytes = 20;
inline constexpr std::int64_t kTotpStepSeconds = 30;
inline constexpr std::size_t kRecoveryCodes = 10;

// 20 random bytes in base 32 (RFC 4648), without padding.
std::string random_totp_secret();
bool is_totp_secret(std::string_view secret);
// REQUIRES: is_totp_secret(secret)
std::string totp_code(std::string_view secret, std::int64_t step);
// The time step that a code is of: of `seconds`, or one before or after, for clocks that differ. Nothing: of none.
std::optional<std::int64_t> totp_step(std::string_view secret, std::string_view code, std::int64_t seconds);
// What an authenticator program reads.
std::string totp_uri(std::string_view secret, std::string_view user);
// For a lost phone: 50 random bits each, "abcde-fghjk".
std::string random_recovery_code();

}  // namespace resmon::auth
