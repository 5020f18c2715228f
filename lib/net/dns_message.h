#pragma once

// Questions to a name server, and its answers (RFC 1035, section 4; RFC 3596). No I/O; an answer may be anything.

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::net {

enum class DnsType : std::uint16_t { kA = 1, kAaaa = 28 };

inline constexpr std::size_t kMostDnsAddresses = 64;  // that are taken from one answer

// A whole message that asks for the addresses of `name`, in any case, with or without a dot at its end. kInvalid: no
// server has such a name: a label is empty or above 63 bytes, the name is above 253, or has blanks or bytes beyond
// ASCII.
Result<std::string> encode_dns_question(std::uint16_t id, std::string_view name, DnsType type);

struct DnsAnswer {
  enum class Outcome {
    kAnswered,   // the name exists; it may have no address of that type
    kNoName,     // NXDOMAIN
    kFailed,     // SERVFAIL, REFUSED and the like: another server may do better
    kTruncated,  // to be asked again over TCP
  };
  Outcome outcome = Outcome::kAnswered;
  int code = 0;  // RCODE
  std::vector<boost::asio::ip::address> addresses;
};

// The answer to `question`, aliases (CNAME) in it followed. An error means that this is no answer to it at all, or is
// damaged: a datagram to be ignored.
Result<DnsAnswer> parse_dns_answer(std::string_view message, std::string_view question);

}  // namespace resmon::net
