#include "collect/row_schema.h"

namespace resmon::collect {

RowSchema::RowSchema(metric::SchemaTable& schemas, std::string_view measurement, std::vector<metric::Tag> tags,
                     std::span<const FieldSpec> fields)
    : fields_(fields.size()) {
  metric::Schema schema;
  schema.measurement = measurement;
  schema.tags = std::move(tags);
  metric::normalise_tags(schema.tags);
  schema.fields.reserve(fields.size());
  for (const FieldSpec& field : fields) schema.fields.push_back({std::string(field.name), field.type});
  if (auto id = schemas.intern(std::move(schema))) {
    id_ = *id;
    interned_ = true;
  }
}

Status RowSchema::ready() const {
  if (interned_) return {};
  return fail(ErrorKind::kLimit, "the table of schemas is full");
}

}  // namespace resmon::collect
