#include "program/help_text.h"

#include <algorithm>

namespace resmon::program {

namespace {

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// The last space at which `line` can be broken so that what is before it fits; else the first one behind `indent`.
std::size_t break_of(std::string_view line, std::size_t indent, std::size_t columns) {
  std::size_t best = std::string_view::npos;
  for (std::size_t at = line.find(' ', indent); at != std::string_view::npos; at = line.find(' ', at + 1)) {
    if (best != std::string_view::npos && characters(line.substr(0, at)) > columns) break;
    best = at;
  }
  return best;
}

void append_wrapped(std::string& out, std::string line, std::size_t columns) {
  std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
  const std::string next(indent == 0 ? 0 : indent + 4, ' ');
  while (characters(line) > columns) {
    const std::size_t at = break_of(line, indent, columns);
    if (at == std::string::npos) break;
    const std::size_t rest = line.find_first_not_of(' ', at);
    if (rest == std::string::npos) break;
    out.append(line, 0, line.find_last_not_of(' ', at) + 1).append("\n");
    line = next + line.substr(rest);
    indent = next.size();
  }
  out.append(line);
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t columns) {
  std::string out;
  while (true) {
    const std::size_t end = text.find('\n');
    append_wrapped(out, std::string(text.substr(0, end)), columns);
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace resmon::program
