#include "pending_types.h"

#include <algorithm>
#include <map>

#include "metric/number.h"

namespace resmon::server {

namespace {

constexpr std::size_t kMost = 100'000;

}  // namespace

TypeCheck::Conflicts PendingTypes::find(const metric::Batch& batch) {
  TypeCheck::Conflicts out;
  const std::uint64_t clears = settled_.clears();
  const std::vector<std::size_t> rows = settled_.unmarked(batch);
  if (rows.empty()) return out;
  std::map<metric::SchemaId, std::vector<std::size_t>> unsure;  // fields in conflict, of schemas that are not settled
  MutexLock lock(mutex_);
  if (types_.size() > kMost) {
    types_.clear();
    settled_.clear();
  }
  for (const std::size_t i : rows) {
    const metric::Row& row = batch.rows()[i];
    const auto [at, fresh] = unsure.try_emplace(row.schema);
    if (fresh) at->second = conflicts_of(schemas_[row.schema], out.first);
    for (const std::size_t field : at->second) {
      if (!batch.has(row, field)) continue;
      ++out.rows;
      break;
    }
  }
  std::vector<metric::SchemaId> settled;
  for (const auto& [schema, fields] : unsure)
    if (fields.empty()) settled.push_back(schema);
  settled_.mark(settled, clears);
  return out;
}

// Notes the types of fields that are new.
std::vector<std::size_t> PendingTypes::conflicts_of(const metric::Schema& schema, std::string& first) {
  std::vector<std::size_t> out;
  const std::vector<store::Column> known = store_.columns(schema.measurement);
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const metric::Field& field = schema.fields[i];
    if (std::ranges::any_of(known, [&](const store::Column& column) { return column.name == field.name; })) continue;
    const auto [at, fresh] = types_.try_emplace(schema.measurement + '\0' + field.name, field.type);
    if (fresh || at->second == field.type || (is_number(at->second) && is_number(field.type))) continue;
    out.push_back(i);
    if (first.empty())
      first = "field type conflict: input field \"" + field.name + "\" on measurement \"" + schema.measurement +
              "\" is type " + std::string(metric::type_name(field.type)) + ", already exists as type " +
              std::string(metric::type_name(at->second));
  }
  return out;
}

void PendingTypes::forget() {
  MutexLock lock(mutex_);
  types_.clear();
  settled_.clear();
}

}  // namespace resmon::server
