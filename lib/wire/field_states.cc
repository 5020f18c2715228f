#include "wire/field_states.h"

#include <algorithm>
#include <string_view>

#include "metric/complements.h"
#include "wire/decimal.h"

namespace resmon::wire {

using metric::Cell;
using metric::FieldType;

namespace {

bool whole_number(FieldType type) {
  return type == FieldType::kInteger || type == FieldType::kUnsigned;
}

}  // namespace

bool may_be_complements(FieldType a, FieldType b) {
  return a == b && (a == FieldType::kFloat || whole_number(a));
}

std::vector<FieldStates::Complement> complements_of(const metric::Schema& schema) {
  std::vector<FieldStates::Complement> pairs;
  const auto place = [&](std::string_view name) {
    return std::ranges::find(schema.fields, name, &metric::Field::name) - schema.fields.begin();
  };
  const auto fields = static_cast<std::ptrdiff_t>(schema.fields.size());
  for (const metric::Complement& known : metric::known_complements()) {
    if (known.measurement != schema.measurement) continue;
    const auto [of, field] = std::minmax({place(known.a), place(known.b)});
    if (field == fields || !may_be_complements(schema.fields[static_cast<std::size_t>(of)].type,
                                               schema.fields[static_cast<std::size_t>(field)].type))
      continue;
    pairs.push_back({static_cast<std::uint32_t>(field), static_cast<std::uint32_t>(of)});
  }
  std::ranges::sort(pairs, {}, &FieldStates::Complement::field);
  return pairs;
}

void FieldStates::add(metric::SchemaId id, std::span<const metric::Field> fields, std::span<const Complement> pairs) {
  schemas.push_back({id, 0, static_cast<std::uint32_t>(fields.size()), static_cast<std::uint32_t>(types.size()),
                     static_cast<std::uint32_t>(presence.size()), static_cast<std::uint32_t>(complements.size())});
  complements.insert(complements.end(), pairs.begin(), pairs.end());
  for (const metric::Field& field : fields) {
    types.push_back(field.type);
    scales.push_back(field.type == FieldType::kFloat ? kFirstDecimals : 0);
    if (field.type == FieldType::kString) {
      last.push_back(strings.size());
      strings.emplace_back();
    } else {
      last.push_back(0);
    }
  }
  presence.resize(presence.size() + metric::presence_words(fields.size()), 0);
  grown = true;
}

void FieldStates::shrink() {
  schemas.shrink_to_fit();
  types.shrink_to_fit();
  scales.shrink_to_fit();
  last.shrink_to_fit();
  presence.shrink_to_fit();
  strings.shrink_to_fit();
  complements.shrink_to_fit();
  grown = false;
}

std::span<const FieldStates::Complement> FieldStates::begin_row(std::size_t schema) {
  const std::size_t begin = schemas[schema].complements;
  const std::size_t end = schema + 1 < schemas.size() ? schemas[schema + 1].complements : complements.size();
  const auto pairs = std::span<const Complement>(complements).subspan(begin, end - begin);
  if (!pairs.empty()) {
    const auto from = last.begin() + schemas[schema].first;
    before.assign(from, from + schemas[schema].fields);
  }
  return pairs;
}

Cell FieldStates::expected(std::span<const Complement> pairs, std::size_t first, std::size_t field,
                           std::span<const std::uint64_t> present) const {
  const Cell was = last[first + field];
  for (const auto& [second, of] : pairs) {
    if (second != field) continue;
    if ((present[of / 64] >> (of % 64) & 1U) == 0) return was;
    const Cell other_was = before[of];
    const Cell other_is = last[first + of];
    if (whole_number(types[first + field])) return was - (other_is - other_was);
    const std::uint8_t decimals = scales[first + field];
    const auto scaled = [&](Cell cell) {
      return static_cast<std::uint64_t>(scaled_roughly(metric::as_float(cell), decimals));
    };
    const auto n = static_cast<std::int64_t>(scaled(was) - (scaled(other_is) - scaled(other_was)));
    return metric::cell_of(static_cast<double>(n) / kPowers[decimals]);
  }
  return was;
}

}  // namespace resmon::wire
