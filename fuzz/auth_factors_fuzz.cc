// The file of second factors: what was read must, written and read again, be the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "auth/second_factors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::auth;
  const Factors parsed = parse_factors({reinterpret_cast<const char*>(data), size});
  const std::string written = format_factors(parsed);
  const Factors again = parse_factors(written);
  if (again.size() != parsed.size() || format_factors(again) != written) std::abort();
  for (const auto& [user, factor] : parsed) {
    const auto at = again.find(user);
    if (at == again.end() || at->second.secret != factor.secret || at->second.recovery != factor.recovery) std::abort();
    // A key that is none has no code, and no secret is too damaged to ask.
    if (is_totp_secret(factor.secret) && totp_code(factor.secret, 1).size() != 6) std::abort();
  }
  return 0;
}
