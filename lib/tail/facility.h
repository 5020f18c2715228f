#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace resmon::tail {

// Syslog's facilities (RFC 5424, 6.2.1) as its daemons name them. Higher numbers than 23 are the last.
inline std::string_view facility_name(unsigned facility) {
  static constexpr std::array<std::string_view, 24> kNames = {
      "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
      "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
      "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
  return kNames[std::min<std::size_t>(facility, kNames.size() - 1)];
}

}  // namespace resmon::tail
