// The resolver's parsers: an answer to a question of a name and the files /etc/hosts and /etc/resolv.conf. Up to the
// first byte 0 the input is a name, the rest is what is parsed.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/dns_message.h"
#include "net/name_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view name = input.substr(0, input.find('\0'));
  const std::string_view rest = input.substr(std::min(name.size() + 1, size));
  for (const auto type : {net::DnsType::kA, net::DnsType::kAaaa}) {
    // The id is that of the input, so that it may match.
    const auto id =
        rest.size() < 2 ? 0 : static_cast<unsigned char>(rest[0]) << 8 | static_cast<unsigned char>(rest[1]);
    const auto question = net::encode_dns_question(static_cast<std::uint16_t>(id), name, type);
    if (!question) continue;
    if (question->size() > 12 + 255 + 4) std::abort();
    const auto answer = net::parse_dns_answer(rest, *question);
    if (!answer) continue;
    if (answer->addresses.size() > net::kMostDnsAddresses) std::abort();
    for (const auto& address : answer->addresses)
      if (address.is_v6() != (type == net::DnsType::kAaaa)) std::abort();
  }
  if (net::find_in_hosts(rest, name).size() > 64) std::abort();
  const auto config = net::parse_resolv_conf(rest, name);
  if (config.servers.empty() || config.servers.size() > 3 || config.search.size() > 16 || config.attempts < 1 ||
      config.dots > 15 || config.timeout.count() < 1)
    std::abort();
  return 0;
}
