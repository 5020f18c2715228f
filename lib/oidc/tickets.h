#pragma once

// What ties the two halves of a sign-in together: the browser leaves for the provider with `state`, `nonce` and a
// challenge in the address, and comes back with `state`. The server keeps nothing meanwhile, so that no stranger can
// fill its memory: a cookie, which only this server can make, is what the three are derived from. So an answer counts
// only in the browser that began, once, within ten minutes, and until the server restarts.
//
// Rejected: a table of begun sign-ins, which needs a bound, and then strangers push people out.
//
// Not thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace resmon::oidc {

inline constexpr std::int64_t kTicketSeconds = 600;
inline constexpr std::size_t kMostUsedTickets = 4096;
inline constexpr std::size_t kMostReturnBytes = 1024;

struct Ticket {
  std::string cookie;
  std::string state;
  std::string nonce;
  std::string verifier;   // of PKCE (RFC 7636), 43 characters
  std::string challenge;  // S256 of it
  std::string to;         // where on the page the person was
};

class Tickets {
 public:
  Tickets();

  // `to`: kMostReturnBytes at most.
  Ticket make(const std::string& to, std::int64_t now_seconds) const;
  // Nothing: not made by this server since it started, older than ten minutes, of another state, or used before. Counts
  // as used from now on. The newest kMostUsedTickets are remembered; an older one would still fail with the provider,
  // whose codes also count once.
  std::optional<Ticket> use(std::string_view cookie, std::string_view state, std::int64_t now_seconds);

 private:
  std::string derive(std::string_view purpose, std::string_view text) const;
  Ticket ticket_of(const std::string& payload, std::string to) const;

  const std::string key_;
  std::map<std::string, std::int64_t, std::less<>> used_;  // until when, by state
};

// "resmon_oidc_" and the beginning of the state: sign-ins in several tabs do not disturb each other.
std::string cookie_name(std::string_view state);

}  // namespace resmon::oidc
