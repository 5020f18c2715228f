#pragma once

#include <string_view>

#include "base/result.h"
#include "influxql/parse/parser.h"

namespace resmon::influxql {

// InfluxDB's `params`: a JSON object whose members are what `$name` stands for; none in an empty text. A member is a
// text, a number, a boolean, or an object with one entry that says what its value is: "identifier" (or "ident"),
// "regex", "string", "number" ("float"), "integer" ("int") or "duration" (a text such as "1h30m", or nanoseconds). Any
// other member is an error of the statement that uses it. kInvalid, in words for the client, where the whole is no
// object.
Result<Parameters> parse_params(std::string_view text);

}  // namespace resmon::influxql
