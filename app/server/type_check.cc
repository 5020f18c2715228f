#include "type_check.h"

#include <map>

namespace resmon::server {

TypeCheck::Conflicts TypeCheck::find(const metric::Batch& batch) {
  Conflicts out;
  std::map<metric::SchemaId, std::vector<std::size_t>> bad_fields;  // of schemas that are not known as good
  std::map<std::string, std::vector<store::Column>, std::less<>> columns;
  std::lock_guard lock(mutex_);
  for (const metric::Row& row : batch.rows()) {
    const std::uint32_t generation = schemas_.generation(row.schema);
    if (const auto good = good_.find(row.schema); good != good_.end() && good->second == generation) continue;
    const auto [at, fresh] = bad_fields.try_emplace(row.schema);
    const metric::Schema& schema = schemas_[row.schema];
    if (fresh) {
      const auto [known, asked] = columns.try_emplace(schema.measurement);
      if (asked) known->second = store_.columns(schema.measurement);
      std::size_t same = 0;
      for (std::size_t i = 0; i < schema.fields.size(); ++i) {
        for (const store::Column& column : known->second) {
          if (column.name != schema.fields[i].name) continue;
          if (column.type == schema.fields[i].type) {
            ++same;
          } else {
            at->second.push_back(i);
            if (out.first.empty())
              out.first = "field type conflict: input field \"" + column.name + "\" on measurement \"" +
                          schema.measurement + "\" is type " + std::string(metric::type_name(schema.fields[i].type)) +
                          ", already exists as type " + std::string(metric::type_name(column.type));
          }
        }
      }
      if (same == schema.fields.size()) good_[row.schema] = generation;
    }
    for (const std::size_t field : at->second) {
      if (!batch.has(row, field)) continue;
      ++out.rows;
      break;
    }
  }
  return out;
}

}  // namespace resmon::server
