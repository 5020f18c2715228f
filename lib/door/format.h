#pragma once

// What other programs send, as Influx lines: the one parser of line protocol then decides what a value is. No I/O;
// linear; fuzzed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::door {

enum class Format : std::uint8_t { kInflux, kJson, kGraphite, kStatsd, kCollectd };
// "influx", "json", "graphite", "statsd", "collectd".
Result<Format> parse_format(std::string_view name);

// How JSON becomes rows.
struct Shape {
  std::string measurement;            // where no member says it
  std::string measurement_key;        // the member that does; empty: none
  std::vector<std::string> tag_keys;  // members that are tags
  std::string host_key;               // the member that is the tag `host`; empty: none
  std::string time_key = "time";      // the member that is the time; empty: none
  std::string time_unit =
      "auto";  // s, ms, us, ns, rfc3339; auto: a text is RFC 3339, a number's unit is seen by its size
};

// Appends a line as one or several Influx lines. kInvalid with the reason: nothing was appended. REQUIRES: not kStatsd,
// whose lines are added up first (statsd.h), and not kCollectd, which has no lines (collectd.h)
//   influx    as it is
//   json      an object, or an array of them. Members of members are named a_b, items a_0. Numbers are floats
//   graphite  PATH VALUE [SECONDS]: measurement PATH, field value; tags behind ';' as NAME=VALUE
Status append_lines(Format format, std::string_view line, const Shape& shape, std::string& out);

}  // namespace resmon::door
