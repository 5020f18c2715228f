#pragma once

// The generated part of the tests that one odd line costs only itself: a text with one of its lines spoilt in each of
// the ways that kernels, emulations of /proc and broken reads have shown. Which values belong to a line is found by
// changing its numbers: whatever then changes is the line's, and all else must come through exactly.

#include <array>
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::procfs::testing {

using Values = std::map<std::string, std::string>;

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

// Each run of digits as `change` makes it.
template <class Change>
std::string with_numbers(const std::string& line, Change change) {
  std::string out;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t end = at;
    while (end < line.size() && std::isdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
    out += end == at ? std::string(1, line[at]) : change(line.substr(at, end - at));
    at = end == at ? at + 1 : end;
  }
  return out;
}

// Not odd, but with other values: in each way every number is another, and a state of one letter too. More than one
// way, because a small change can be lost in rounding and a large one in a bound.
inline std::vector<std::string> with_other_values(const std::string& line) {
  const auto next = [](char digit) { return digit == '9' ? '8' : static_cast<char>(digit + 1); };
  std::vector<std::string> all = {with_numbers(line,
                                               [&](std::string number) {
                                                 number.back() = next(number.back());
                                                 return number;
                                               }),
                                  with_numbers(line,
                                               [&](std::string number) {
                                                 number.front() = next(number.front());
                                                 return number;
                                               }),
                                  with_numbers(line, [](const std::string& number) { return number + '5'; })};
  // Another path.
  std::string moved = line;
  for (std::size_t at = moved.find(" /"); at != std::string::npos; at = moved.find(" /", at + 2))
    moved.insert(at + 2, "q");
  all.push_back(moved);
  // Another word.
  std::string renamed = line;
  for (std::size_t i = renamed.size(); i-- > 0;)
    if (std::isalpha(static_cast<unsigned char>(renamed[i])) != 0) {
      renamed[i] = renamed[i] == 'q' ? 'r' : 'q';
      break;
    }
  all.push_back(renamed);
  for (std::string& out : all)
    for (std::size_t i = 1; i + 1 < out.size(); ++i)
      if (out[i - 1] == ' ' && out[i + 1] == ' ' && std::isupper(static_cast<unsigned char>(out[i])) != 0) out[i] = 'Q';
  return all;
}

struct OddLine {
  std::string_view how;
  std::string text;
};

inline std::vector<OddLine> odd_lines(const std::string& line) {
  const std::string half = line.substr(0, line.size() / 2);
  return {{"emptied", ""},
          {"cut", half},
          {"doubled", line + '\n' + line},
          {"negative", with_numbers(line, [](const std::string& number) { return '-' + number; })},
          {"2^64", with_numbers(line, [](const std::string&) { return std::string("18446744073709551616"); })},
          {"overlong", line + std::string(20'000, '7')},
          {"overlong from its beginning", std::string(20'000, 'x') + line},
          {"not UTF-8", half + "\xff\xfe" + line.substr(line.size() / 2)},
          {"nothing but bytes", std::string(line.size() + 1, '\xff')},
          {"ended by NUL", line + '\0'},
          {"a blank line", "  "}};
}

// The keys whose values differ, or that only one of the two has.
inline std::set<std::string> difference(const Values& a, const Values& b) {
  std::set<std::string> keys;
  for (const auto& [key, value] : a)
    if (const auto found = b.find(key); found == b.end() || found->second != value) keys.insert(key);
  for (const auto& [key, value] : b)
    if (!a.contains(key)) keys.insert(key);
  return keys;
}

}  // namespace resmon::procfs::testing
