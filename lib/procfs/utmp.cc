#include "procfs/utmp.h"

#include <utmp.h>

#include <cstring>

#include "procfs/scan.h"

namespace resmon::procfs {

Status parse_utmp(std::span<const std::byte> bytes, std::vector<std::string_view>& users, Skipped& skipped) {
  users.clear();
  const std::span<const std::byte> whole = bytes.first(bytes.size() - bytes.size() % sizeof(::utmp));
  std::size_t number = 0;
  for (auto left = whole; !left.empty(); left = left.subspan(sizeof(::utmp))) {
    ++number;
    decltype(::utmp::ut_type) type{};
    std::memcpy(&type, left.data() + offsetof(::utmp, ut_type), sizeof type);
    if (type < EMPTY || type > ACCOUNTING) skipped.add(number, "a record of no known type", "");
    if (type != USER_PROCESS) continue;
    if (users.size() >= kMostSessions) {
      skipped.add(number, "too many sessions", "");
      continue;
    }
    const char* name = reinterpret_cast<const char*>(left.data()) + offsetof(::utmp, ut_user);
    users.emplace_back(name, ::strnlen(name, sizeof(::utmp::ut_user)));
  }
  if (whole.size() != bytes.size()) skipped.add(number + 1, "not a whole record", "");
  if (whole.empty() && !bytes.empty()) return nothing_of_use(skipped, "");
  return {};
}

}  // namespace resmon::procfs
