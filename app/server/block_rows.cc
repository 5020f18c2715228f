#include "block_rows.h"

namespace resmon::server {

void append_row(metric::Batch& batch, metric::SchemaId id, std::span<const metric::Field> fields,
                const store::Block& block, std::size_t row) {
  metric::RowWriter writer = batch.add(id, fields.size(), block.times[row]);
  for (std::size_t field = 0; field < fields.size(); ++field) {
    if (!block.columns[field].has(row)) continue;
    const metric::Cell cell = block.columns[field].cells[row];
    if (fields[field].type == metric::FieldType::kString)
      writer.set(field, metric::as_string(cell, block.columns[field].text));
    else
      writer.set_cell(field, cell);
  }
}

}  // namespace resmon::server
