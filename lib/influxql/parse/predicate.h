#pragma once

#include <string_view>

#include "base/result.h"
#include "influxql/parse/ast.h"

namespace resmon::influxql {

// The predicate of InfluxDB 2's POST /api/v2/delete: `_measurement="m" AND host="a" AND rack!="1"`, or nothing, which
// is everything. Comparisons with = and !=, joined by AND; names and texts may be in double or single quotes. kInvalid
// for another form, and for a comparison with `_field`: fields cannot be deleted one by one.
Result<Delete> parse_delete_predicate(std::string_view text);

}  // namespace resmon::influxql
