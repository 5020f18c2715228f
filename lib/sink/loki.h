#pragma once

// Rows of log lines in the form of Loki's push (/loki/api/v1/push, JSON), which VictoriaLogs takes too. No I/O.

#include <cstddef>
#include <string>
#include <string_view>

#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::sink {

// Appends one stream of one entry, with a comma and a line feed behind it: the schema's tags as labels (appname as
// service_name, severity as level), the field `message` as the line, its other texts as metadata. Returns 1; 0, and
// nothing was appended: the row has no message.
std::size_t append_loki_entry(const metric::Schema& schema, const metric::Batch& batch, const metric::Row& row,
                              std::string& out);
// A request's body of such entries.
std::string loki_body(std::string_view entries);

}  // namespace resmon::sink
