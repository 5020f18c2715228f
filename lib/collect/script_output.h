#pragma once

// Converts the output of a script to Influx lines. A script may print Influx lines itself, JSON (objects, one or
// several a line, or arrays of objects) or key=value words. The last two become lines here, so that one parser,
// lineproto's, decides what a value is. No I/O; fuzzed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::collect {

enum class ScriptFormat { kAuto, kInflux, kJson, kKeyValue };

// "auto", "influx", "json", "key_value".
Result<ScriptFormat> parse_script_format(std::string_view name);

// How JSON and key=value become rows.
struct ScriptShape {
  std::string measurement;            // of every row
  std::vector<std::string> tag_keys;  // members whose values are tags rather than fields
};

// kAuto's guess, from the first character that is no blank and the first word.
ScriptFormat guess_script_format(std::string_view text);

struct ScriptLines {
  std::string text;            // Influx lines
  std::uint64_t refused = 0;   // objects and words that could not be read
  std::string error;           // why the first of them was, with its first 80 bytes
  std::uint64_t left_out = 0;  // values that are no finite numbers (nan, inf, 1e400): fields that are absent
};

// Replaces `out` by `text` as Influx lines. In JSON and key=value every number is a float, so that 3 and 3.5 are values
// of one field; `3i` is an integer in key=value, as in Influx lines; what is no number and not true or false is a
// string. Nested members are named parent_child. A line of key=value that has a tag and a field is a row of its own. A
// field or tag called `time`, which a database would take for the timestamp, becomes `time_`. An object, a word, or the
// rest of a line that cannot be parsed is skipped. Influx lines are passed on and checked one by one later. A byte
// order mark at the beginning is no part of the text.
void script_lines(ScriptFormat format, std::string_view text, const ScriptShape& shape, ScriptLines& out);

}  // namespace resmon::collect
