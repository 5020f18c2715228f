#pragma once

// Generates passwords and tokens, and hashes them for storage. Passwords are chosen by people, so their hash is scrypt
// (RFC 7914), which needs much time and memory on purpose. Tokens are 192 random bits, for which one SHA-256 is enough.

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::auth {

inline constexpr std::size_t kLeastPasswordBytes = 10;
inline constexpr std::size_t kMostPasswordBytes = 1024;

// "scrypt:LOG2N:R:P:SALT:HASH", the last two in hexadecimal. Takes about a tenth of a second and 32 MiB.
Result<std::string> hash_password(std::string_view password);
// Takes as long for a wrong password as for the right one. False, too, for a hash that cannot be read; `hash` may ask
// for no more work than hash_password's does fourfold.
bool verify_password(std::string_view password, std::string_view hash);
// Whether verify_password can read it.
bool is_password_hash(std::string_view hash);
// A hash that no password has: verifying against it takes the time of a real one.
const std::string& nobodys_hash();

using Digest = std::array<unsigned char, 32>;
Digest digest_of(std::string_view token);     // SHA-256
bool same(const Digest& a, const Digest& b);  // in constant time
std::string to_hex(const Digest& digest);
Result<Digest> digest_from_hex(std::string_view text);

std::string random_password();  // four groups of five characters that are not mistaken for others; 98 bits
std::string random_token();     // "rsm_" and 48 hexadecimal digits
std::string random_hex(std::size_t bytes);

// "" or what is wrong with it.
std::string password_problem(std::string_view password, std::string_view user);

}  // namespace resmon::auth
