// A store keeps one type for a field. If the first writer decided it, one that differs from all others (Telegraf with
// unsigned integers, a script that writes 5 where others write 5.0) would decide for everybody. So the fields of
// docs/schema.md have the types that it says: the table below is made of that page when the build is configured.

#include "metric/pinned_types.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace resmon::metric {

namespace {

struct Pinned {
  std::string_view measurement;
  FieldType type;
  std::string_view names;  // each between spaces
};
constexpr Pinned kPinned[] = {
#include "pinned_types.inc"
};

// Doubles on this side of them are in the range of the integers.
constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr double kTwoTo64 = 18446744073709551616.0;

std::optional<Cell> from_integer(std::int64_t value, FieldType to) {
  if (to == FieldType::kUnsigned) return value < 0 ? std::nullopt : std::optional(static_cast<Cell>(value));
  const auto converted = static_cast<double>(value);
  if (converted >= kTwoTo63 || static_cast<std::int64_t>(converted) != value) return std::nullopt;
  return cell_of(converted);
}

std::optional<Cell> from_unsigned(std::uint64_t value, FieldType to) {
  if (to == FieldType::kInteger) return value > INT64_MAX ? std::nullopt : std::optional(value);
  const auto converted = static_cast<double>(value);
  if (converted >= kTwoTo64 || static_cast<std::uint64_t>(converted) != value) return std::nullopt;
  return cell_of(converted);
}

std::optional<Cell> from_float(double value, FieldType to) {
  if (!(std::trunc(value) == value)) return std::nullopt;  // also what is not a number
  if (to == FieldType::kUnsigned)
    return value < 0 || value >= kTwoTo64 ? std::nullopt : std::optional(cell_of(static_cast<std::uint64_t>(value)));
  return value < -kTwoTo63 || value >= kTwoTo63 ? std::nullopt
                                                : std::optional(cell_of(static_cast<std::int64_t>(value)));
}

}  // namespace

std::optional<FieldType> pinned_type(std::string_view measurement, std::string_view field) {
  if (field.empty() || field.find(' ') != std::string_view::npos) return std::nullopt;
  std::string word;
  for (const Pinned& pinned : kPinned) {
    if (pinned.measurement != measurement) continue;
    if (word.empty()) word.append(" ").append(field).append(" ");
    if (pinned.names.find(word) != std::string_view::npos) return pinned.type;
  }
  return std::nullopt;
}

std::vector<std::string> documented_measurements() {
  std::vector<std::string> out;
  for (const Pinned& pinned : kPinned)
    if (out.empty() || out.back() != pinned.measurement) out.emplace_back(pinned.measurement);
  return out;
}

std::vector<std::string> documented_fields(std::string_view measurement) {
  std::vector<std::string> out;
  for (const Pinned& pinned : kPinned) {
    if (pinned.measurement != measurement) continue;
    for (std::string_view rest = pinned.names.substr(1); !rest.empty(); rest.remove_prefix(rest.find(' ') + 1))
      out.emplace_back(rest.substr(0, rest.find(' ')));
  }
  return out;
}

std::optional<Cell> convert_number(Cell cell, FieldType from, FieldType to) {
  if (from == to) return cell;
  switch (from) {
    case FieldType::kInteger:
      return from_integer(as_integer(cell), to);
    case FieldType::kUnsigned:
      return from_unsigned(cell, to);
    case FieldType::kFloat:
      return from_float(as_float(cell), to);
    default:
      return std::nullopt;
  }
}

}  // namespace resmon::metric
