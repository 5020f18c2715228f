#pragma once

// /proc/net/wireless: quality of wireless links. Source: wireless_seq_printf_stats in net/wireless/wext-proc.c.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

using SignedNumber = std::optional<std::int64_t>;

struct WirelessLink {
  std::string_view name;  // points into the text
  Number status;          // the driver's own, hexadecimal in the file
  SignedNumber link;      // quality
  SignedNumber level;     // dBm, where the driver says so
  SignedNumber noise;     // -256: not known
  Number discarded_nwid;
  Number discarded_crypt;
  Number discarded_fragment;
  Number discarded_retry;
  Number discarded_misc;
  Number missed_beacons;
};
Status parse_wireless(std::string_view text, std::vector<WirelessLink>& out, Skipped& skipped);

}  // namespace resmon::procfs
