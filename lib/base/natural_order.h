#pragma once

#include <string_view>

namespace resmon {

// Names as people order them: digits by the number that they are (`web9` before `web10`), ASCII letters without regard
// to case. A strict weak order of all byte strings in which only equal ones are equivalent: what differs in case or
// leading zeros alone is ordered by bytes.
inline bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const auto number = [&](std::string_view& text) {
    std::size_t end = 0;
    while (end < text.size() && digit(text[end])) ++end;
    std::string_view digits = text.substr(0, end);
    text.remove_prefix(end);
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    return digits;
  };
  std::string_view x = a;
  std::string_view y = b;
  while (!x.empty() && !y.empty()) {
    if (digit(x.front()) && digit(y.front())) {
      const std::string_view m = number(x);
      const std::string_view n = number(y);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
      continue;
    }
    const auto p = static_cast<unsigned char>(lower(x.front()));
    const auto q = static_cast<unsigned char>(lower(y.front()));
    if (p != q) return p < q;
    x.remove_prefix(1);
    y.remove_prefix(1);
  }
  if (x.empty() != y.empty()) return x.empty();
  return a < b;
}

}  // namespace resmon
