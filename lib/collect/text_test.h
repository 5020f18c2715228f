#pragma once

// Rows as text for the tests: "measurement,tag=value field=1i,field=2.5,field="text" TIME", in the batch's order.

#include <charconv>
#include <string>
#include <vector>

#include "metric/batch.h"

namespace resmon::collect::testing {

inline std::string value_text(metric::FieldType type, metric::Cell cell, std::string_view text) {
  switch (type) {
    case metric::FieldType::kFloat: {
      char buffer[64];
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, metric::as_float(cell)).ptr;
      return {buffer, end};
    }
    case metric::FieldType::kInteger:
      return std::to_string(metric::as_integer(cell)) + "i";
    case metric::FieldType::kUnsigned:
      return std::to_string(cell) + "u";
    case metric::FieldType::kBoolean:
      return metric::as_boolean(cell) ? "true" : "false";
    case metric::FieldType::kString:
      return "\"" + std::string(metric::as_string(cell, text)) + "\"";
  }
  return {};
}

inline std::vector<std::string> lines(const metric::SchemaTable& schemas, const metric::Batch& batch) {
  std::vector<std::string> all;
  for (const metric::Row& row : batch.rows()) {
    const metric::Schema& schema = schemas[row.schema];
    std::string line = metric::group_key(schema.measurement, schema.tags);
    char separator = ' ';
    for (std::size_t field = 0; field < row.fields; ++field) {
      if (!batch.has(row, field)) continue;
      line += separator + schema.fields[field].name + "=" +
              value_text(schema.fields[field].type, batch.value(row, field), batch.text());
      separator = ',';
    }
    all.push_back(line + " " + std::to_string(row.time));
  }
  return all;
}

}  // namespace resmon::collect::testing
