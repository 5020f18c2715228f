#pragma once

// CRC-32C (Castagnoli, RFC 3720), in hardware where the processor has it.

#include <cstdint>
#include <string_view>

namespace resmon {

// `seed` is 0, or what an earlier call returned for the bytes before these, or a secret that makes the code one's own.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace resmon
