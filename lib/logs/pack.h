#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::logs {

// No packed piece holds more. A block's largest is one column of about a MiB; of one huge line, eight.
inline constexpr std::size_t kMaxUnpackedBytes = 64U << 20U;

// Appends `raw` behind its length, by zstd where that is smaller. Each thread keeps one compressor.
void pack(std::string_view raw, int level, std::string& out);

// About what zstd makes of it, found out quickly.
std::size_t trial_bytes(std::string_view raw);

// What pack appended, from the front of `bytes`, which is moved behind it. kDamaged where it is none.
Result<std::string> unpack(std::string_view& bytes);

}  // namespace resmon::logs
