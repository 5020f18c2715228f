#include "net/networks.h"

#include <algorithm>
#include <charconv>

namespace resmon::net {

namespace {

namespace ip = boost::asio::ip;

constexpr unsigned kMappedBits = 96;  // of an IPv4 address that is mapped into IPv6

ip::address_v6::bytes_type mapped_bytes(const ip::address& address) {
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes() : address.to_v6().to_bytes();
}

}  // namespace

Result<Networks> Networks::parse(const std::vector<std::string>& list) {
  Networks out;
  for (const std::string& text : list) {
    const auto bad = [&text] {
      return fail(ErrorKind::kInvalid,
                  "'" + text + "' is neither an address nor a network, such as 127.0.0.1 or 10.0.0.0/8");
    };
    const std::size_t slash = text.find('/');
    boost::system::error_code error;
    const ip::address address = ip::make_address(text.substr(0, slash), error);
    if (error) return bad();
    const unsigned all = address.is_v4() ? 32 : 128;
    unsigned bits = all;
    if (slash != std::string::npos) {
      const char* const end = text.data() + text.size();
      const auto [stop, failure] = std::from_chars(text.data() + slash + 1, end, bits);
      if (failure != std::errc() || stop != end || bits > all) return bad();
    }
    out.networks_.push_back({mapped_bytes(address), address.is_v4() ? bits + kMappedBits : bits});
  }
  return out;
}

bool Networks::contains(const ip::address& address) const {
  const auto bytes = mapped_bytes(address);
  return std::ranges::any_of(networks_, [&](const Network& network) {
    const unsigned whole = network.bits / 8;
    if (!std::equal(bytes.begin(), bytes.begin() + whole, network.bytes.begin())) return false;
    const unsigned rest = network.bits % 8;
    return rest == 0 || (bytes[whole] ^ network.bytes[whole]) >> (8 - rest) == 0;
  });
}

}  // namespace resmon::net
