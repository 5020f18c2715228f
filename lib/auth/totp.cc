#include "auth/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace resmon::auth {

namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kSecretLetters = kTotpSecretBytes * 8 / 5;
constexpr std::uint32_t kCodes = 1'000'000;

std::vector<unsigned char> unbase32(std::string_view text) {
  std::vector<unsigned char> out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    bits = bits << 5U | static_cast<std::uint32_t>(kBase32.find(c));
    held += 5;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<unsigned char>(bits >> static_cast<unsigned>(held)));
    bits &= (1U << static_cast<unsigned>(held)) - 1;
  }
  return out;
}

// Five random bits a letter.
std::string random_letters(std::size_t count, std::string_view alphabet) {
  std::vector<unsigned char> random(count);
  if (RAND_bytes(random.data(), static_cast<int>(count)) != 1) throw std::runtime_error("no random bytes");
  std::string out;
  for (const unsigned char byte : random) out += alphabet[byte % 32];
  return out;
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string random_totp_secret() {
  return random_letters(kSecretLetters, kBase32);
}

bool is_totp_secret(std::string_view secret) {
  return secret.size() == kSecretLetters && secret.find_first_not_of(kBase32) == std::string_view::npos;
}

std::string totp_code(std::string_view secret, std::int64_t step) {
  const std::vector<unsigned char> key = unbase32(secret);
  std::array<unsigned char, 8> message{};
  for (std::size_t i = 0; i < message.size(); ++i)
    message[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(step) >> (56 - 8 * i));
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned length = 0;
  if (HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), mac.data(), &length) ==
      nullptr)
    throw std::runtime_error("no HMAC-SHA-1");
  const std::size_t at = mac[length - 1] & 15U;
  const std::uint32_t number = (std::uint32_t{mac[at]} & 127U) << 24U | std::uint32_t{mac[at + 1]} << 16U |
                               std::uint32_t{mac[at + 2]} << 8U | std::uint32_t{mac[at + 3]};
  const std::string digits = std::to_string(number % kCodes);
  return std::string(6 - digits.size(), '0') + digits;
}

std::optional<std::int64_t> totp_step(std::string_view secret, std::string_view code, std::int64_t seconds) {
  std::optional<std::int64_t> found;
  const std::int64_t now = seconds / kTotpStepSeconds;
  for (const std::int64_t step : {now - 1, now, now + 1})
    if (same_text(totp_code(secret, step), code)) found = step;
  return found;
}

std::string totp_uri(std::string_view secret, std::string_view user) {
  std::string name;
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : user) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')
      name += c;
    else
      name.append(1, '%').append(1, kHex[byte >> 4U]).append(1, kHex[byte & 15U]);
  }
  return "otpauth://totp/resmon:" + name + "?secret=" + std::string(secret) + "&issuer=resmon";
}

std::string random_recovery_code() {
  const std::string letters = random_letters(10, "abcdefghijkmnpqrstuvwxyz23456789");
  return letters.substr(0, 5) + '-' + letters.substr(5);
}

}  // namespace resmon::auth
