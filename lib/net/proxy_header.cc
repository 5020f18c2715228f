#include "net/proxy_header.h"

#include <algorithm>
#include <cstdint>

namespace resmon::net {

namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view kProxySignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kProxyFixedBytes = 16;  // signature, version and command, family, length
constexpr unsigned kLocal = 0;
constexpr unsigned kProxied = 1;
constexpr unsigned kTcp4 = 0x11;
constexpr unsigned kTcp6 = 0x21;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

template <class Address>
ip::tcp::endpoint source_of(std::string_view addresses) {
  typename Address::bytes_type bytes;
  std::copy_n(addresses.begin(), bytes.size(), reinterpret_cast<char*>(bytes.data()));
  return {Address(bytes), number_at(addresses, 2 * bytes.size())};
}

}  // namespace

bool begins_proxy_header(std::string_view bytes) {
  return !bytes.empty() && bytes.substr(0, kProxySignature.size()) == kProxySignature.substr(0, bytes.size());
}

Result<std::optional<ProxyHeader>> read_proxy_header(std::string_view bytes) {
  if (!bytes.empty() && !begins_proxy_header(bytes))
    return fail(ErrorKind::kInvalid, "the connection does not begin with a PROXY protocol header of version 2");
  if (bytes.size() < kProxyFixedBytes) return std::optional<ProxyHeader>();
  const unsigned version = byte_at(bytes, 12) >> 4U;
  const unsigned command = byte_at(bytes, 12) & 0xfU;
  const unsigned family = byte_at(bytes, 13);
  const std::size_t length = number_at(bytes, 14);
  if (version != 2)
    return fail(ErrorKind::kInvalid, "PROXY protocol of version " + std::to_string(version) + ", not 2");
  if (command != kLocal && command != kProxied)
    return fail(ErrorKind::kInvalid, "PROXY protocol: unknown command " + std::to_string(command));
  if (kProxyFixedBytes + length > kMostProxyHeaderBytes)
    return fail(ErrorKind::kLimit, "PROXY protocol: a header of " + std::to_string(kProxyFixedBytes + length) +
                                       " bytes; at most " + std::to_string(kMostProxyHeaderBytes) + " are read");
  const std::size_t least = command == kLocal ? 0 : family == kTcp4 ? 12 : family == kTcp6 ? 36 : 0;
  if (length < least) return fail(ErrorKind::kInvalid, "PROXY protocol: the header is too short for its addresses");
  if (bytes.size() < kProxyFixedBytes + length) return std::optional<ProxyHeader>();
  ProxyHeader header;
  header.bytes = kProxyFixedBytes + length;
  const std::string_view addresses = bytes.substr(kProxyFixedBytes, length);
  if (command == kProxied && family == kTcp4) header.client = source_of<ip::address_v4>(addresses);
  if (command == kProxied && family == kTcp6) header.client = source_of<ip::address_v6>(addresses);
  return std::optional(header);
}

}  // namespace resmon::net
