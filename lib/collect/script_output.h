#pragma once

// What a script printed, as Influx lines. A script may print Influx lines itself, JSON (an object, an array of objects,
// or one object a line) or key=value words. The last two become lines here, so that one parser, lineproto's, decides
// what a value is. No I/O; fuzzed.

#include <cstddef>
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

// Replaces `lines` with `text` as Influx lines without times. In JSON and key=value every number is a float, so that
// 3 and 3.5 are values of one field; `3i` is an integer in key=value, as in Influx lines; what is no number and not
// true or false is a string. Nested members are named parent_child. What is not JSON is kInvalid and names the byte;
// so does a word without '='. With kInflux the text is only copied: its lines are judged one by one later.
Status script_lines(ScriptFormat format, std::string_view text, const ScriptShape& shape, std::string& lines);

}  // namespace resmon::collect
