#include "type_check.h"

#include <algorithm>
#include <map>
#include <optional>

#include "metric/number.h"
#include "metric/pinned_types.h"

namespace resmon::server {

namespace {

// The type in which the store keeps, or will keep, the field. Nothing: whatever comes first.
std::optional<metric::FieldType> kept_type(const std::string& measurement, const std::string& field,
                                           const std::vector<store::Column>& columns) {
  const auto column = std::ranges::find(columns, field, &store::Column::name);
  return column != columns.end() ? column->type : metric::pinned_type(measurement, field);
}

std::string conflict(const metric::Schema& schema, const metric::Field& field, metric::FieldType kept) {
  return "field type conflict: input field \"" + field.name + "\" on measurement \"" + schema.measurement +
         "\" is type " + std::string(metric::type_name(field.type)) + ", already exists as type " +
         std::string(metric::type_name(kept));
}

}  // namespace

std::vector<TypeCheck::Mismatch> TypeCheck::mismatches(const metric::Schema& schema, bool& all_known,
                                                       const std::vector<store::Column>& columns) {
  std::vector<Mismatch> out;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const auto kept = kept_type(schema.measurement, schema.fields[i].name, columns);
    if (!kept)
      all_known = false;
    else if (*kept != schema.fields[i].type)
      out.push_back({i, *kept});
  }
  return out;
}

TypeCheck::Conflicts TypeCheck::find(const metric::Batch& batch) {
  Conflicts out;
  const std::uint64_t clears = good_.clears();
  const std::vector<std::size_t> rows = good_.unmarked(batch);
  if (rows.empty()) return out;
  std::vector<metric::SchemaId> good;
  std::map<metric::SchemaId, std::vector<Mismatch>> unsure;
  std::map<metric::SchemaId, std::string> no_room;
  std::map<std::string, std::vector<store::Column>, std::less<>> columns;
  for (const std::size_t i : rows) {
    const metric::Row& row = batch.rows()[i];
    const auto [at, fresh] = unsure.try_emplace(row.schema);
    const metric::Schema& schema = schemas_[row.schema];
    if (fresh) {
      const auto [known, asked] = columns.try_emplace(schema.measurement);
      if (asked) known->second = store_.columns(schema.measurement);
      bool all_known = true;
      at->second = mismatches(schema, all_known, known->second);
      std::string full = store_.no_room_for(schema.measurement, schema.tags, schema.fields);
      if (!full.empty())
        no_room.emplace(row.schema, std::move(full));
      else if (all_known && at->second.empty())
        good.push_back(row.schema);
    }
    if (const auto full = no_room.find(row.schema); full != no_room.end()) {
      if (out.first.empty()) out.first = full->second;
      ++out.rows;
      continue;
    }
    for (const auto& [field, kept] : at->second) {
      const metric::FieldType type = schema.fields[field].type;
      if (!batch.has(row, field)) continue;
      // A number that the kept type holds exactly is converted.
      if (metric::is_number(type) && metric::is_number(kept) &&
          metric::convert_number(batch.value(row, field), type, kept))
        continue;
      if (out.first.empty()) out.first = conflict(schema, schema.fields[field], kept);
      ++out.rows;
      break;
    }
  }
  good_.mark(good, clears);
  return out;
}

void TypeCheck::forget() {
  good_.clear();
}

}  // namespace resmon::server
