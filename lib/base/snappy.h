#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon {

// One block of Snappy's format, as Prometheus' remote write and Loki's push carry it (not the format of streams).
// Linear. kLimit: it would be longer than `limit_bytes`. kInvalid names the byte. `may_hold` is asked, if given, with
// the bytes of the result before they are allocated; false ends it with kUnavailable.
Result<std::string> unpack_snappy(std::string_view packed, std::size_t limit_bytes,
                                  const std::function<bool(std::size_t)>& may_hold = {});

// Appends `bytes` as one such block. Linear, with a fixed table of 32 KiB. REQUIRES: bytes.size() <= UINT32_MAX
void pack_snappy(std::string_view bytes, std::string& out);

}  // namespace resmon
