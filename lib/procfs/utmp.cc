#include "procfs/utmp.h"

#include <utmp.h>

#include <cstring>

#include "procfs/scan.h"

namespace resmon::procfs {

Status parse_utmp(std::span<const std::byte> bytes, std::vector<std::string_view>& users) {
  users.clear();
  if (bytes.size() % sizeof(::utmp) != 0) return fail(malformed("not a whole number of records"));
  for (; !bytes.empty(); bytes = bytes.subspan(sizeof(::utmp))) {
    decltype(::utmp::ut_type) type{};
    std::memcpy(&type, bytes.data() + offsetof(::utmp, ut_type), sizeof type);
    if (type != USER_PROCESS) continue;
    if (users.size() >= kMostSessions) return fail(malformed("too many sessions"));
    const char* name = reinterpret_cast<const char*>(bytes.data()) + offsetof(::utmp, ut_user);
    users.emplace_back(name, ::strnlen(name, sizeof(::utmp::ut_user)));
  }
  return {};
}

}  // namespace resmon::procfs
