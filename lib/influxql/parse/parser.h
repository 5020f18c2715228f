#pragma once

// InfluxQL text to statements. Pure: no I/O. Bounded: the text's length, how deep expressions and subqueries nest and
// how many nodes they have together. Errors are worded and positioned as InfluxDB's, without "error parsing query: ".

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "influxql/parse/ast.h"

namespace resmon::influxql {

struct Duration {
  std::string text;  // "1h30m"
};
struct Identifier {
  std::string name;
};
struct RegexText {
  std::string pattern;
};
// A value that is none: an error where it is used.
struct Unbindable {
  std::string message;
};
// The value of a bind parameter `$name`.
using Parameter = std::variant<double, std::int64_t, bool, std::string, Duration, Identifier, RegexText, Unbindable>;
using Parameters = std::map<std::string, Parameter, std::less<>>;

struct ParseLimits {
  std::size_t text_bytes = 256U << 10U;
  std::size_t depth = 100;   // parentheses, calls and subqueries within each other
  std::size_t nodes = 4000;  // expressions in one text
};

Result<std::vector<Statement>> parse(std::string_view text, const Parameters& params = {},
                                     const ParseLimits& limits = {});

}  // namespace resmon::influxql
