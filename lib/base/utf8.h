#pragma once

#include <cstdint>
#include <string>

namespace resmon {

// Appends the character as UTF-8; U+FFFD in place of what is no character: surrogates, and what is beyond U+10FFFF.
void append_utf8(std::uint32_t code, std::string& out);

}  // namespace resmon
