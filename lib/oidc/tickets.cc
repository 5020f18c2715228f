#include "oidc/tickets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>

#include "auth/secret.h"
#include "oidc/base64url.h"

namespace resmon::oidc {

namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kStateBytes = 43;  // SHA-256 in base 64
constexpr std::size_t kCookieNameStateBytes = 8;

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string challenge_of(const std::string& verifier) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(verifier.data()), verifier.size(), digest);
  return base64url({reinterpret_cast<const char*>(digest), sizeof digest});
}

}  // namespace

Tickets::Tickets() : key_(auth::random_hex(kSecretBytes)) {}

std::string Tickets::derive(std::string_view purpose, std::string_view text) const {
  std::string message(purpose);
  message.append(1, '\0').append(text);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), digest, &size);
  return base64url({reinterpret_cast<const char*>(digest), size});
}

Ticket Tickets::ticket_of(const std::string& payload, std::string to) const {
  Ticket out;
  out.cookie = payload + '.' + derive("cookie", payload);
  out.state = derive("state", payload);
  out.nonce = derive("nonce", payload);
  out.verifier = derive("verifier", payload);
  out.challenge = challenge_of(out.verifier);
  out.to = std::move(to);
  return out;
}

Ticket Tickets::make(const std::string& to, std::int64_t now_seconds) const {
  return ticket_of(auth::random_hex(kSecretBytes) + '.' + std::to_string(now_seconds + kTicketSeconds) + '.' +
                       base64url(to.substr(0, kMostReturnBytes)),
                   to);
}

std::optional<Ticket> Tickets::use(std::string_view cookie, std::string_view state, std::int64_t now_seconds) {
  const std::size_t seal = cookie.rfind('.');
  if (seal == std::string_view::npos || state.size() != kStateBytes) return std::nullopt;
  const std::string payload(cookie.substr(0, seal));
  if (!same_bytes(cookie.substr(seal + 1), derive("cookie", payload))) return std::nullopt;
  // The server wrote it, so it has its form.
  const std::size_t first = payload.find('.');
  const std::size_t second = payload.find('.', first + 1);
  std::int64_t expires = 0;
  std::from_chars(payload.data() + first + 1, payload.data() + second, expires);
  auto to = from_base64url(std::string_view(payload).substr(second + 1));
  if (expires <= now_seconds || !to) return std::nullopt;
  Ticket out = ticket_of(payload, *std::move(to));
  if (!same_bytes(out.state, state)) return std::nullopt;
  std::erase_if(used_, [&](const auto& one) { return one.second <= now_seconds; });
  if (!used_.emplace(out.state, expires).second) return std::nullopt;
  if (used_.size() > kMostUsedTickets)
    used_.erase(
        std::min_element(used_.begin(), used_.end(), [](const auto& a, const auto& b) { return a.second < b.second; }));
  return out;
}

std::string cookie_name(std::string_view state) {
  return "resmon_oidc_" + std::string(state.substr(0, kCookieNameStateBytes));
}

}  // namespace resmon::oidc
