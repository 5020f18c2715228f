#include "http/trusted_proxies.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace resmon::http {

namespace {

namespace ip = boost::asio::ip;
using Bytes = ip::address_v6::bytes_type;

constexpr unsigned kMappedBits = 96;  // of an IPv4 address that is mapped into IPv6

Bytes bytes_of(const ip::address& address) {
  return address.is_v4() ? ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes() : address.to_v6().to_bytes();
}

std::string to_text(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

// "1.2.3.4", "1.2.3.4:5", "::1", "[::1]", "[::1]:5".
std::optional<ip::address> address_in(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  if (text.starts_with('['))
    text = text.substr(1, std::min(text.find(']'), text.size()) - 1);
  else if (text.find(':') == text.rfind(':'))
    text = text.substr(0, text.find(':'));
  boost::system::error_code error;
  const ip::address address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return address;
}

}  // namespace

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& list) {
  TrustedProxies out;
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
    out.networks_.push_back({bytes_of(address), address.is_v4() ? bits + kMappedBits : bits});
  }
  return out;
}

bool TrustedProxies::trusts(const ip::address& address) const {
  const Bytes bytes = bytes_of(address);
  return std::ranges::any_of(networks_, [&](const Network& network) {
    const unsigned whole = network.bits / 8;
    if (!std::equal(bytes.begin(), bytes.begin() + whole, network.bytes.begin())) return false;
    const unsigned rest = network.bits % 8;
    return rest == 0 || (bytes[whole] ^ network.bytes[whole]) >> (8 - rest) == 0;
  });
}

std::string TrustedProxies::client_of(std::string_view peer, std::string_view forwarded_for) const {
  std::optional<ip::address> client = networks_.empty() ? std::nullopt : address_in(peer);
  if (!client) return std::string(peer);
  while (trusts(*client) && !forwarded_for.empty()) {
    const std::size_t comma = forwarded_for.rfind(',');
    const auto before = address_in(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    if (!before) break;  // "unknown", or no address: the proxy that says so is the last that is known
    client = before;
    forwarded_for = comma == std::string_view::npos ? std::string_view() : forwarded_for.substr(0, comma);
  }
  return to_text(*client);
}

}  // namespace resmon::http
