#pragma once

#include <string_view>

#include "base/result.h"
#include "influxql/parser.h"

namespace resmon::influxql {

// InfluxDB's `params`: a JSON object whose members are what `$name` stands for; none in an empty text. kInvalid, in
// words for the client, where it is anything else.
Result<Parameters> parse_params(std::string_view text);

}  // namespace resmon::influxql
