#include "http/trusted_proxies.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>

namespace resmon::http {

namespace {

namespace ip = boost::asio::ip;
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
  RESMON_ASSIGN(out.networks_, net::Networks::parse(list));
  return out;
}

std::string TrustedProxies::client_of(std::string_view peer, std::string_view forwarded_for) const {
  std::optional<ip::address> client = networks_.empty() ? std::nullopt : address_in(peer);
  if (!client) return std::string(peer);
  while (networks_.contains(*client) && !forwarded_for.empty()) {
    const std::size_t comma = forwarded_for.rfind(',');
    const auto before = address_in(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    if (!before) break;  // "unknown", or no address: the proxy that says so is the last that is known
    client = before;
    forwarded_for = comma == std::string_view::npos ? std::string_view() : forwarded_for.substr(0, comma);
  }
  return to_text(*client);
}

}  // namespace resmon::http
