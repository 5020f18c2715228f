#pragma once

// What the writer and the reader of a column of texts share; texts.cc has the layout.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace resmon::logs::texts {

inline constexpr char kPlace = '\x01';
inline constexpr std::size_t kMostPlaces = 64;
inline constexpr std::size_t kMostDigits = 18;   // of what is kept as a number
inline constexpr unsigned kMostPackedBits = 56;  // of a number: one read of eight bytes has it
inline constexpr std::size_t kMostHexDigits = 128;

enum class Kind : std::uint8_t {
  kSame,              // one text in `strings`
  kNumbers,           // varint form, then varints
  kDeltas,            // varint form, then differences to the one before, zigzag
  kPackedNumbers,     // varint form, varint least, u8 width; `bits` has what each is above the least
  kDictionary,        // varint count of texts in `strings`, then the number of each value, a byte up to 256 texts
  kPackedDictionary,  // varint count of texts in `strings`, u8 width; `bits` has the number of each value
  kTexts,             // each in `strings`
  kHex,               // varint digits; `bits` has four for each digit, in lower case
};

// How a number is written: in decimal as short as it goes, with leading zeros up to a width (1 … 18), with a point
// before its last digits (kPoint + 1 … 9), or as four of eight bits with points between them.
inline constexpr std::uint64_t kShort = 0;
inline constexpr std::uint64_t kPoint = 32;
inline constexpr std::uint64_t kAddress = 64;
inline constexpr std::uint64_t kMostDecimals = 9;
inline constexpr bool is_form(std::uint64_t form) {
  return form <= kMostDigits || (form > kPoint && form <= kPoint + kMostDecimals) || form == kAddress;
}

enum : std::uint8_t { kDelimiter, kTokenChar, kDigitChar };

// Tokens are runs of letters, digits and what holds names and addresses together.
inline constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80U;
    if (letter || c == '_' || c == '.' || c == '-') classes[c] = kTokenChar;
    if (c >= '0' && c <= '9') classes[c] = kDigitChar;
  }
  return classes;
}();

inline std::uint8_t class_of(char c) {
  return kClasses[static_cast<std::uint8_t>(c)];
}

}  // namespace resmon::logs::texts
