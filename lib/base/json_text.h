#pragma once

#include <string>
#include <string_view>

namespace resmon {

// Appends `text` as the inside of a JSON string, without the quotes: quotes, backslashes and control characters
// escaped, and bytes that are not UTF-8 replaced by U+FFFD, so that the result is valid whatever a client sent.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace resmon
