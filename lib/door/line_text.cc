#include "door/line_text.h"

#include <charconv>

namespace resmon::door {

namespace {

constexpr std::size_t kMostNameBytes = 1024;

}  // namespace

void append_name(std::string_view name, NameOf what, std::string& out) {
  name = name.substr(0, kMostNameBytes);
  while (!name.empty() && name.back() == '\\') name.remove_suffix(1);
  if (what == NameOf::kMeasurement && name.starts_with('#')) out += '\\';
  for (const char c : name) {
    if (c == ',' || c == ' ' || (c == '=' && what != NameOf::kMeasurement)) out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  if (name == "time" && what == NameOf::kKey) out += '_';
}

std::string number_text(double value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  return {digits, end};
}

}  // namespace resmon::door
