#pragma once

// A TOML document as a plain tree: what the rest of the library sees of the TOML parser, so that its header is compiled
// once.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::config {

struct Node {
  enum class Kind { kText, kInteger, kNumber, kBoolean, kArray, kTable, kTime };

  Kind kind = Kind::kTable;
  std::uint32_t line = 0;          // where it begins, or a member's key does, from 1; 0: not from a file
  std::uint32_t value_line = 0;    // where the value itself begins
  std::uint32_t value_column = 0;  // in letters, from 1
  std::string text;
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::string key;            // of a table's member
  std::vector<Node> items;    // of an array
  std::vector<Node> members;  // of a table, sorted by key
};

// "a text", "an integer"…: for messages.
std::string_view kind_name(Node::Kind kind);

// kInvalid with "path:line: reason" for what is not TOML, nests absurdly deep, or is larger than kLargestTomlBytes.
inline constexpr std::size_t kLargestTomlBytes = 1U << 20U;
Result<Node> parse_toml(std::string_view toml, const std::string& path_for_errors);

}  // namespace resmon::config
