#include "ingest/rows.h"

#include <numeric>

namespace resmon::ingest {

metric::Batch copy_rows(const metric::SchemaTable& schemas, const metric::Batch& from,
                        std::span<const std::size_t> rows) {
  metric::Batch out;
  out.pin(from.pin());
  for (const std::size_t index : rows) {
    const metric::Row& row = from.rows()[index];
    metric::RowWriter writer = out.add(row.schema, row.fields, row.time);
    const std::vector<metric::Field>& fields = schemas[row.schema].fields;
    for (std::size_t f = 0; f < row.fields; ++f) {
      if (!from.has(row, f)) continue;
      if (fields[f].type == metric::FieldType::kString)
        writer.set(f, from.string(row, f));
      else
        writer.set_cell(f, from.value(row, f));
    }
  }
  return out;
}

std::vector<std::size_t> row_range(std::size_t first, std::size_t last) {
  std::vector<std::size_t> rows(last > first ? last - first : 0);
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

TimeBounds TimeBounds::around(UnixNanos now, std::chrono::nanoseconds past, std::chrono::nanoseconds future) {
  TimeBounds bounds;
  if (past.count() > 0 && __builtin_sub_overflow(now, past.count(), &bounds.earliest)) bounds.earliest = INT64_MIN;
  if (future.count() > 0 && __builtin_add_overflow(now, future.count(), &bounds.latest)) bounds.latest = INT64_MAX;
  return bounds;
}

}  // namespace resmon::ingest
