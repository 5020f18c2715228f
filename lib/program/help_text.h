#pragma once

// Help texts that fit a terminal of 80 columns.

#include <string>
#include <string_view>

namespace resmon::program {

inline constexpr std::size_t kTerminalColumns = 80;

// `text` with each line of more than `columns` characters (UTF-8) broken at spaces. What follows a break is indented as
// the line was, and four spaces more for a line that is indented itself. A word longer than a line stays whole.
std::string wrapped(std::string_view text, std::size_t columns = kTerminalColumns);

}  // namespace resmon::program
