#pragma once

#include <string>
#include <string_view>

namespace resmon {

// Appends `text` as the inside of a JSON string, without the quotes: quotes, backslashes and all that is not printable
// (control characters, also those of ISO 8859 that terminals obey, line separators, characters that change the
// direction of text or take no room) escaped, and bytes that are not UTF-8 replaced by U+FFFD. So the result is valid
// and shows what it holds, whatever a client sent.
void append_json_escaped(std::string& out, std::string_view text);

// For a terminal: the same, but quotes and backslashes stay as they are.
std::string printable(std::string_view text);

}  // namespace resmon
