#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::http {

std::string gzip(std::string_view text, int level = 1);
// kLimit when the result would be larger than `limit_bytes`: a few bytes of gzip can stand for gigabytes.
Result<std::string> gunzip(std::string_view packed, std::size_t limit_bytes);

}  // namespace resmon::http
