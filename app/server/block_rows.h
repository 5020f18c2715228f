#pragma once

#include <span>

#include "metric/batch.h"
#include "store/reader.h"

namespace resmon::server {

// Appends a row that the store shows to `batch`, under the schema `id`, whose fields are `fields`: those that were
// asked of the store, in that order.
void append_row(metric::Batch& batch, metric::SchemaId id, std::span<const metric::Field> fields,
                const store::Block& block, std::size_t row);

}  // namespace resmon::server
