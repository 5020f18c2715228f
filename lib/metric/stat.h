#pragma once

// A number that a program reports of itself, described once: its name in each output, its meaning, and how it is read.
// Prometheus' text, JSON, the program's own rows and the reference are made of tables of these, so that none of them
// can miss a number or read another one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::metric {

enum class StatKind : std::uint8_t {
  kCounter,  // grows, since the program's start
  kGauge,
  kLimit,  // a gauge; 0: there is no limit, and rows do not have the field
  kTime,   // UnixNanos; 0: there is none. Seconds in Prometheus' text, milliseconds or null in JSON
};

// Nothing where the number does not apply: null in JSON, absent from the others.
using StatValue = std::variant<std::monostate, std::int64_t, std::uint64_t, double>;

namespace detail {

template <class T>
struct StatType {
  using type = T;
};
template <class T>
struct StatType<std::optional<T>> {
  using type = T;
};

template <class T>
StatValue stat_value(const T& value) {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<double>(value);
  else if constexpr (std::is_unsigned_v<T>)
    return static_cast<std::uint64_t>(value);
  else
    return static_cast<std::int64_t>(value);
}
template <class T>
StatValue stat_value(const std::optional<T>& value) {
  return value ? stat_value(*value) : StatValue();
}

}  // namespace detail

// An empty name: the output does not have it.
struct StatInfo {
  std::string_view name;   // in Prometheus' text
  std::string_view key;    // in JSON
  std::string_view field;  // in rows
  StatKind kind = StatKind::kGauge;
  std::string_view help;  // a sentence
  bool real = false;      // a number with a fraction; JSON has `digits` of it, and rows 3
  int digits = 3;
};

// `Of`: from what it is read.
template <class Of>
struct Stat : StatInfo {
  // `read`: a lambda without captures that returns a number, or an optional one.
  template <class F>
  constexpr Stat(StatKind of_kind, std::string_view in_text, std::string_view in_json, std::string_view in_rows,
                 std::string_view meaning, F, int of_digits = 3)
      : read([](const Of& of) { return detail::stat_value(F()(of)); }) {
    using Number = std::remove_cvref_t<decltype(F()(std::declval<const Of&>()))>;
    name = in_text;
    key = in_json;
    field = in_rows;
    kind = of_kind;
    help = meaning;
    real = std::is_floating_point_v<typename detail::StatType<Number>::type>;
    digits = of_digits;
  }

  StatValue (*read)(const Of&);
};

// Appends the fields that rows have of `stats`, a range of Stat.
template <class Stats>
void add_stat_fields(const Stats& stats, std::vector<Field>& out) {
  for (const StatInfo& one : stats)
    if (!one.field.empty()) out.push_back({std::string(one.field), one.real ? FieldType::kFloat : FieldType::kInteger});
}

template <class Stats>
Schema stat_schema(std::string measurement, std::vector<Tag> tags, const Stats& stats) {
  std::vector<Field> fields;
  add_stat_fields(stats, fields);
  normalise_tags(tags);
  return {std::move(measurement), std::move(tags), std::move(fields)};
}

// A row has a value of it, but where it does not apply.
void set_stat(const StatInfo& stat, const StatValue& value, RowWriter& row, std::size_t field);

// Sets the fields of add_stat_fields, the first of which is the row's field `first`. Returns the one after the last.
template <class Stats, class Of>
std::size_t set_stats(const Stats& stats, const Of& of, RowWriter& row, std::size_t first = 0) {
  for (const auto& one : stats)
    if (!one.field.empty()) set_stat(one, one.read(of), row, first++);
  return first;
}

// Appends a row of a stat_schema, which has the id `schema`.
template <class Stats, class Of>
void add_stats(const Stats& stats, const Of& of, SchemaId schema, UnixNanos time, Batch& batch) {
  std::size_t fields = 0;
  for (const StatInfo& one : stats)
    if (!one.field.empty()) ++fields;
  RowWriter row = batch.add(schema, fields, time);
  set_stats(stats, of, row);
}

}  // namespace resmon::metric
