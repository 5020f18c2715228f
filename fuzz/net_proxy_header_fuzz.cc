// PROXY protocol headers: whole ones are read the same however few of their bytes came at first, and nothing behind
// them matters.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/proxy_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = net::read_proxy_header(input);
  if (!whole) return 0;
  if (!*whole) {
    if (size >= net::kMostProxyHeaderBytes) std::abort();
    return 0;
  }
  const net::ProxyHeader& header = **whole;
  if (header.bytes > size || header.bytes > net::kMostProxyHeaderBytes) std::abort();
  const auto exact = net::read_proxy_header(input.substr(0, header.bytes));
  if (!exact || !*exact || (*exact)->client != header.client) std::abort();
  const auto part = net::read_proxy_header(input.substr(0, header.bytes - 1));
  if (!part || *part) std::abort();
  return 0;
}
