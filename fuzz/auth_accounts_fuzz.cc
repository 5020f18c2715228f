// The accounts file: what parses must, written and parsed again, be the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "auth/accounts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Accounts parsed = Accounts::parse(text);
  const std::string written = parsed.format();
  const Accounts again = Accounts::parse(written);
  if (!again.damaged.empty() || again.format() != written) std::abort();
  return 0;
}
