// Addresses, which must come back the same after they were written out, and token files.

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/address.h"
#include "net/token_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto address = net::parse_address(input); address.has_value()) {
    const auto again = net::parse_address(net::to_string(*address));
    if (!again.has_value() || again->host != address->host || again->port != address->port) std::abort();
  }
  (void)net::parse_address(input, 7411);
  (void)net::is_loopback(input);

  static const int file = memfd_create("tokens", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (fchmod(file, 0600) != 0 || ftruncate(file, 0) != 0) std::abort();
  if (pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  const auto set = net::TokenSet::load(path);
  for (const std::string_view name : {"", "web1"}) {
    const auto first = net::load_token(path, name);
    if (!first.has_value()) continue;
    if (!set.has_value() || set->admission(net::TokenSet::digest(*first), name) != net::Admission::kYes) std::abort();
    if (name.empty() && !set->contains(*first)) std::abort();
    // Of two tokens one may be the other and an x.
    if (set->size() == 1 && set->contains(*first + "x")) std::abort();
  }
  return 0;
}
