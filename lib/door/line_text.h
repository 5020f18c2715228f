#pragma once

// Pieces of Influx lines that are made from what others call things.

#include <string>
#include <string_view>

namespace resmon::door {

// A name or a tag's value, escaped. Control characters have no place in it and become '?'; backslashes at its end,
// which would escape what follows, are left out. A tag or field that is called "time" gets another name.
enum class NameOf { kMeasurement, kKey, kValue };
void append_name(std::string_view name, NameOf what, std::string& out);
// The shortest text that reads back as the same number.
std::string number_text(double value);

}  // namespace resmon::door
