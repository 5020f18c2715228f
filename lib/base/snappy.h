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

}  // namespace resmon
