// The only file that sees toml++ (its header costs seconds of compilation). Built without exceptions, so that a bad
// file is a value like every other error.
//
// toml++ 3.3 bounds the nesting of values but not the length of dotted keys: `a.a.a.a…` makes a table in a table in a
// table, and half a million of them end the process when the tree is destroyed recursively. A scan before parsing
// therefore refuses lines with more dots outside quotes than any configuration has. The scan follows TOML's quoting
// only as far as a well-formed file goes; behind the first malformed byte the two may disagree, but there the parser
// has stopped building.

// Outside quotes and comments a byte beyond ASCII is no TOML, and for many of them 3.3 runs into a
// __builtin_unreachable: the scan refuses them too. So does it where a text's line is continued: behind a backslash
// and blanks.
//
// Its parser also asserts what a bad file can make untrue ("[" and a line feed), and with NDEBUG it tells the compiler
// to assume the same, although the code behind handles the case. So its assertions become nothing in both kinds of
// build.

#include "config/toml_tree.h"

#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 16
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#endif
#include <toml++/toml.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <optional>
#include <utility>

namespace resmon::config {

namespace {

constexpr std::uint32_t kMostDotsPerLine = 64;

// Moves `at` behind the string that begins there. False: `at` is before something that the parser must not see.
bool skip_quoted(std::string_view toml, std::size_t& at, std::uint32_t& line) {
  const char quote = toml[at];
  const std::string triple(3, quote);
  const bool multi_line = toml.substr(at, 3) == triple;
  at += multi_line ? 3 : 1;
  while (at < toml.size()) {
    const char c = toml[at];
    if (c == '\n') {
      if (!multi_line) return true;
      ++line;
    }
    if (c == '\\' && quote == '"') {
      const bool continued = multi_line && toml.find_first_of(" \t\r\n", at + 1) == at + 1;
      const std::size_t next = continued ? toml.find_first_not_of(" \t\r\n", at + 1) : at + 1;
      if (next < toml.size() && static_cast<unsigned char>(toml[next]) >= 0x80) return false;
      if (toml.substr(at + 1, 1) == "\n") ++line;
      at += 2;
    } else if (multi_line && toml.substr(at, 3) == triple) {
      at += 3;
      // Up to two quotes may stand before the closing three.
      for (int extra = 0; extra < 2 && at < toml.size() && toml[at] == quote; ++extra) ++at;
      return true;
    } else if (!multi_line && c == quote) {
      ++at;
      return true;
    } else {
      ++at;
    }
  }
  return true;
}

// What the parser must not see: the line and the reason.
std::optional<std::pair<std::uint32_t, std::string>> unfit(std::string_view toml) {
  std::uint32_t line = 1;
  std::uint32_t dots = 0;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::size_t at = toml.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  while (at < toml.size()) {
    const char c = toml[at];
    if (c == '"' || c == '\'') {
      if (at > 0 && std::string_view(" \t\r\n=,[{\xbf").find(toml[at - 1]) == std::string_view::npos)
        return std::pair(line, std::string("a quote may only follow a blank, '=', ',', '[' or '{'"));
      if (!skip_quoted(toml, at, line))
        return std::pair(line,
                         std::string("a letter beyond ASCII may not follow a backslash, nor begin a continued line"));
      continue;
    }
    if (c == '#') {
      at = std::min(toml.find('\n', at), toml.size());
      continue;
    }
    if (c == '\n') {
      ++line;
      dots = 0;
    }
    if (c == '.' && ++dots > kMostDotsPerLine)
      return std::pair(line, "more than " + std::to_string(kMostDotsPerLine) + " dots outside quotes in one line");
    if (static_cast<unsigned char>(c) >= 0x80)
      return std::pair(line, std::string("a letter beyond ASCII must be in quotes"));
    ++at;
  }
  return std::nullopt;
}

// The depth is bounded by parse_toml's checks.
Node convert(const toml::node& from) {
  Node node;
  node.line = static_cast<std::uint32_t>(from.source().begin.line);
  if (const auto* text = from.as_string()) {
    node.kind = Node::Kind::kText;
    node.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    node.kind = Node::Kind::kInteger;
    node.integer = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    node.kind = Node::Kind::kNumber;
    node.number = number->get();
  } else if (const auto* boolean = from.as_boolean()) {
    node.kind = Node::Kind::kBoolean;
    node.boolean = boolean->get();
  } else if (const auto* array = from.as_array()) {
    node.kind = Node::Kind::kArray;
    for (const toml::node& item : *array) node.items.push_back(convert(item));
  } else if (const auto* table = from.as_table()) {
    node.kind = Node::Kind::kTable;
    for (const auto& [key, value] : *table) {
      Node member = convert(value);
      // A table made by a header points at the header; a value is better found by its key, which is on the same line or
      // above.
      const auto key_line = static_cast<std::uint32_t>(key.source().begin.line);
      if (key_line != 0) member.line = key_line;
      member.key = key.str();
      node.members.push_back(std::move(member));
    }
  } else {
    node.kind = Node::Kind::kTime;
  }
  return node;
}

}  // namespace

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kText:
      return "a text";
    case Node::Kind::kInteger:
      return "an integer";
    case Node::Kind::kNumber:
      return "a number with a fraction";
    case Node::Kind::kBoolean:
      return "a boolean";
    case Node::Kind::kArray:
      return "an array";
    case Node::Kind::kTable:
      return "a table";
    case Node::Kind::kTime:
      return "a date or time";
  }
  return "an unknown value";
}

Result<Node> parse_toml(std::string_view toml, const std::string& path_for_errors) {
  if (toml.size() > kLargestTomlBytes)
    return fail(ErrorKind::kInvalid, path_for_errors + ": larger than " + std::to_string(kLargestTomlBytes) + " bytes");
  if (const auto found = unfit(toml))
    return fail(ErrorKind::kInvalid, path_for_errors + ":" + std::to_string(found->first) + ": " + found->second);
  const toml::parse_result parsed = toml::parse(toml, std::string_view(path_for_errors));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(ErrorKind::kInvalid, path_for_errors + ":" + std::to_string(error.source().begin.line) + ": " +
                                         std::string(error.description()));
  }
  return convert(parsed.table());
}

}  // namespace resmon::config
