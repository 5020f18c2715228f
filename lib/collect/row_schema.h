#pragma once

// The shape of the rows that a collector writes, interned once; and the rounding and clipping that all collectors
// share.

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "procfs/scan.h"

namespace resmon::collect {

struct FieldSpec {
  std::string_view name;
  metric::FieldType type;
};

inline constexpr auto kFloat = metric::FieldType::kFloat;
inline constexpr auto kInteger = metric::FieldType::kInteger;
inline constexpr auto kString = metric::FieldType::kString;
inline constexpr auto kBoolean = metric::FieldType::kBoolean;

class RowSchema {
 public:
  RowSchema(metric::SchemaTable& schemas, std::string_view measurement, std::vector<metric::Tag> tags,
            std::span<const FieldSpec> fields);

  // kLimit when the table was full. REQUIRES for add: ready.
  Status ready() const;
  metric::RowWriter add(metric::Batch& out, UnixNanos time) const { return out.add(id_, fields_, time); }

 private:
  metric::SchemaId id_ = 0;
  std::size_t fields_;
  bool interned_ = false;
};

// Unsigned counters are clipped at the largest signed integer, as Telegraf does.
constexpr std::int64_t clip(std::uint64_t value) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(value < kMost ? value : kMost);
}

// Sets the field when there is a value; otherwise it stays absent. Whether there was one.
inline bool set(metric::RowWriter& row, std::size_t field, procfs::Number value) {
  if (value) row.set(field, clip(*value));
  return value.has_value();
}
inline bool set(metric::RowWriter& row, std::size_t field, procfs::Decimal value) {
  if (value) row.set(field, *value);
  return value.has_value();
}

// The advance of a counter; 0 if it went back.
constexpr std::uint64_t advance(std::uint64_t now, std::uint64_t before) {
  return now > before ? now - before : 0;
}

// To two decimals: ticks and clocks carry no more truth, and it compresses far better. The division makes it the double
// that prints as two decimals.
inline double round2(double value) {
  return std::round(value * 100) / 100;
}
inline double round3(double value) {
  return std::round(value * 1000) / 1000;
}

// `part` of `whole` in percent, rounded; 0 of nothing, never NaN.
inline double percent(double part, double whole) {
  return whole > 0 ? round2(100 * part / whole) : 0;
}
inline double percent(std::uint64_t part, std::uint64_t whole) {
  return percent(static_cast<double>(part), static_cast<double>(whole));
}

}  // namespace resmon::collect
