#pragma once

#include <span>
#include <string>
#include <string_view>

namespace resmon {

// Two lower-case digits for each byte.
inline std::string hex_text(std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}
inline std::string hex_text(std::string_view bytes) {
  return hex_text(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace resmon
