// The file of invitations: what was read must, written and read again, be the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "auth/invitations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::auth;
  const std::vector<Invitation> parsed = parse_invitations({reinterpret_cast<const char*>(data), size});
  if (parsed.size() > kMostInvitations) std::abort();
  const std::string written = format_invitations(parsed);
  const std::vector<Invitation> again = parse_invitations(written);
  if (again.size() != parsed.size() || format_invitations(again) != written) std::abort();
  return 0;
}
