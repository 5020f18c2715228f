#pragma once

// A value is one 64-bit cell whose meaning its field's type gives:
//   kFloat    the bits of an IEEE 754 double; never NaN or infinite
//   kInteger  a signed 64-bit integer
//   kUnsigned an unsigned 64-bit integer
//   kBoolean  0 or 1
//   kString   offset << 32 | length into the text arena that goes with the cells (Batch::text)
// These are InfluxDB's field types.

#include <bit>
#include <cstdint>
#include <string_view>

namespace resmon::metric {

enum class FieldType : std::uint8_t { kFloat = 0, kInteger = 1, kUnsigned = 2, kBoolean = 3, kString = 4 };
inline constexpr std::uint8_t kFieldTypeCount = 5;

using Cell = std::uint64_t;

constexpr Cell cell_of(double v) {
  return std::bit_cast<Cell>(v);
}
constexpr Cell cell_of(std::int64_t v) {
  return std::bit_cast<Cell>(v);
}
constexpr Cell cell_of(std::uint64_t v) {
  return v;
}
constexpr Cell cell_of(bool v) {
  return v ? 1 : 0;
}
constexpr double as_float(Cell c) {
  return std::bit_cast<double>(c);
}
constexpr std::int64_t as_integer(Cell c) {
  return std::bit_cast<std::int64_t>(c);
}
constexpr bool as_boolean(Cell c) {
  return c != 0;
}
constexpr Cell string_cell(std::size_t offset, std::size_t length) {
  return static_cast<Cell>(offset) << 32U | static_cast<Cell>(length);
}
constexpr std::string_view as_string(Cell c, std::string_view text) {
  return text.substr(static_cast<std::size_t>(c >> 32U), static_cast<std::size_t>(c & 0xffffffffU));
}

// "float", "integer", "unsigned", "boolean", "string": InfluxDB's names, as SHOW FIELD KEYS prints them.
std::string_view type_name(FieldType type);

}  // namespace resmon::metric
