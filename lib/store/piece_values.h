#pragma once

// How a piece's values are written: by what differs from the value before it in its slot (docs/storage_format.md).

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "metric/value.h"
#include "store/bytes.h"

namespace resmon::store {

// A row's flags, by rows.
inline constexpr unsigned kAmends = 1;  // changes the row before; has no time
inline constexpr unsigned kSome = 2;    // says which slots there are; otherwise all
inline constexpr unsigned kStep = 4;    // says how much later than the row before; otherwise as much as that

inline constexpr std::size_t kMaxVarint = 10;  // also the longest code of a value that is no string

// What both sides take for the hundredths of a value, exact or not.
inline std::int64_t hundredths_of(metric::Cell cell) {
  constexpr double kMax = 1e13;
  const double scaled = metric::as_float(cell) * 100;
  if (!(std::abs(scaled) < kMax)) return 0;
  return static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
}

inline metric::Cell cell_of_hundredths(std::int64_t hundredths) {
  return metric::cell_of(static_cast<double>(hundredths) / 100);
}

inline char* put(char* out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7U) *out++ = static_cast<char>(v | 0x80U);
  *out++ = static_cast<char>(v);
  return out;
}

// An even number is the difference in hundredths; an odd one says how many low bytes follow that differ.
inline char* put_float(char* out, metric::Cell cell, metric::Cell before) {
  const std::int64_t hundredths = hundredths_of(cell);
  if (cell_of_hundredths(hundredths) == cell) return put(out, zigzag(hundredths - hundredths_of(before)) << 1U);
  const metric::Cell differing = cell ^ before;
  const unsigned bytes = (static_cast<unsigned>(std::bit_width(differing)) + 7) / 8;
  *out++ = static_cast<char>(bytes << 1U | 1U);
  std::memcpy(out, &differing, sizeof differing);
  return out + bytes;
}

inline char* put_integer(char* out, metric::Cell cell, metric::Cell before) {
  return put(out, zigzag(static_cast<std::int64_t>(cell - before)));
}

// The next of a slot's floats, and their hundredths, which the one after it is added to. False: not a float's code.
inline bool get_float(ByteReader& bytes, metric::Cell& cell, std::int64_t& hundredths) {
  const std::uint64_t code = bytes.varint();
  if ((code & 1U) == 0) {
    hundredths = static_cast<std::int64_t>(static_cast<std::uint64_t>(hundredths) +
                                           static_cast<std::uint64_t>(unzigzag(code >> 1U)));
    cell = cell_of_hundredths(hundredths);
    return true;
  }
  const std::string_view differing = bytes.take(code >> 1U);
  metric::Cell bits = 0;
  if (bytes.bad() || differing.size() > sizeof bits) return false;
  std::memcpy(&bits, differing.data(), differing.size());
  cell ^= bits;
  if (!std::isfinite(metric::as_float(cell))) return false;
  hundredths = hundredths_of(cell);
  return true;
}

// How long the code of a value that is no string is. REQUIRES: kMaxVarint bytes can be read
inline std::size_t code_bytes(bool is_float, const char* at) {
  const auto first = static_cast<unsigned char>(*at);
  if (is_float && (first & 1U) != 0) return 1U + (first >> 1U);
  if (first < 0x80) return 1;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  const std::uint64_t ends = ~word & 0x8080808080808080U;
  if (ends != 0) return static_cast<std::size_t>(std::countr_zero(ends)) / 8 + 1;
  return static_cast<unsigned char>(at[8]) < 0x80 ? 9 : 10;
}

inline void get_integer(ByteReader& bytes, metric::Cell& cell) {
  cell += static_cast<metric::Cell>(unzigzag(bytes.varint()));
}

// A string's place in the bytes that begin at `begin`.
inline bool get_string(ByteReader& bytes, const char* begin, metric::Cell& cell) {
  const std::string_view text = bytes.take(bytes.varint());
  if (bytes.bad()) return false;
  cell = metric::string_cell(static_cast<std::size_t>(text.data() - begin), text.size());
  return true;
}

}  // namespace resmon::store
