#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace resmon::net {

namespace {

// What names and numbers are made of; in brackets also what IPv6 addresses and their zones are.
bool is_host(std::string_view text, bool in_brackets) {
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view(in_brackets ? ".-_:%" : ".-_").find(c) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is not an address HOST:PORT: " + std::string(why));
  };
  Address address;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("no closing ]");
    address.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return bad("something other than a port after ]");
    has_port = !rest.empty();
    port = has_port ? rest.substr(1) : rest;
  } else {
    const std::size_t colon = text.rfind(':');
    has_port = colon != std::string_view::npos;
    if (has_port && text.find(':') != colon) return bad("an IPv6 address is written [ADDRESS]:PORT");
    address.host = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
  }
  if (address.host.empty()) return bad("no host");
  if (text.starts_with('[') && address.host.find(':') == std::string::npos) return bad("no IPv6 address in brackets");
  if (!is_host(address.host, text.starts_with('['))) return bad("a character that no host has");
  if (!has_port) {
    if (default_port == 0) return bad("no port");
    address.port = default_port;
    return address;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return bad("the port is not a number from 0 to 65535");
  return address;
}

std::string to_string(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  if (std::equal(host.begin(), host.end(), kName.begin(), kName.end(), [&](char a, char b) { return lower(a) == b; }))
    return true;
  const std::string text(host);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_LOOPBACK(&v6)) return true;
  return IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127;
}

}  // namespace resmon::net
