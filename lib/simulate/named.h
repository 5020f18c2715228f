#pragma once

// Rows of a model as the server has them: with the tag `host`, which a client says once and not in each row.

#include <string>
#include <unordered_map>

#include "metric/batch.h"

namespace resmon::simulate {

class Named {
 public:
  // `schemas` must outlive it, and is the table of the rows.
  Named(metric::SchemaTable& schemas, std::string host) : schemas_(schemas), host_(std::move(host)) {}

  void add(const metric::Batch& rows, metric::Batch& out) {
    for (const metric::Row& row : rows.rows()) {
      const metric::Schema& schema = schemas_[row.schema];
      metric::RowWriter writer = out.add(id_of(row.schema), row.fields, row.time);
      for (std::size_t f = 0; f < row.fields; ++f) {
        if (!rows.has(row, f)) continue;
        if (schema.fields[f].type == metric::FieldType::kString)
          writer.set(f, rows.string(row, f));
        else
          writer.set_cell(f, rows.value(row, f));
      }
    }
  }

 private:
  metric::SchemaId id_of(metric::SchemaId plain) {
    const auto [it, is_new] = ids_.try_emplace(plain);
    if (is_new) {
      metric::Schema schema = schemas_[plain];
      std::vector<metric::Tag> tags = schema.tags;
      tags.push_back({"host", host_});
      metric::normalise_tags(tags);
      schema.tags = std::move(tags);
      it->second = schemas_.intern(std::move(schema)).value();
    }
    return it->second;
  }

  metric::SchemaTable& schemas_;
  const std::string host_;
  std::unordered_map<metric::SchemaId, metric::SchemaId> ids_;
};

}  // namespace resmon::simulate
