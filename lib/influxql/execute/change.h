#pragma once

// Statements that change data: DELETE, DROP SERIES, DROP MEASUREMENT, SELECT INTO.

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "influxql/backend.h"
#include "influxql/parse/ast.h"
#include "influxql/plan/table.h"
#include "influxql/response.h"
#include "metric/schema.h"
#include "store/deletion.h"

namespace resmon::influxql {

// Which rows the statement means. An error where its condition names fields, or compares tags by order.
Result<store::Deletion> deletion_of(const Delete& statement, const store::Reader& reader, UnixNanos now);

// The rows of an answer as points of a measurement: of `target`, or of the name each had. Columns are fields, the tags
// of GROUP BY tags; what is null is left out. `columns` are the names of the answer's columns without its time.
Status add_points(const std::vector<Rows>& answer, const std::vector<std::string>& columns, const Source& target,
                  metric::SchemaTable& schemas, metric::Batch& out);

}  // namespace resmon::influxql
