// hosts.json, with what people say of hosts: what was read must, written and read again, be the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fleet_memory_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const auto parsed = server::parse_fleet_memory({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  for (const fleet::Host& host : parsed->hosts)
    if (host.settings != nullptr) {
      fleet::HostSettings settings = *host.settings;
      if (!fleet::check(settings) || settings != *host.settings) std::abort();
    }
  const std::string written = server::format_fleet_memory(*parsed);
  const auto again = server::parse_fleet_memory(written);
  if (!again || again->hosts.size() != parsed->hosts.size() || server::format_fleet_memory(*again) != written)
    std::abort();
  return 0;
}
