// The accounts file: what parses must, written and parsed again, be the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "auth/accounts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = Accounts::parse(text);
  if (!parsed) return 0;
  const std::string written = parsed->format();
  const auto again = Accounts::parse(written);
  if (!again || again->format() != written) std::abort();
  return 0;
}
