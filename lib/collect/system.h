#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace resmon::collect {

// Uptime as Telegraf and uptime(1) print it: " 4:05", "1 day,  4:05", "12 days, 14:05". Valid until `out` goes.
std::string_view format_uptime(std::uint64_t seconds, char* out, std::size_t size);

}  // namespace resmon::collect
