#pragma once

// The condition of a rule (`when`, and `clear` where it is not a number), read from text. docs/alerts.md has the
// language for people; the grammar:
//
//   condition  = all { "or" all }
//   all        = one { "and" one }
//   one        = "(" condition ")" | "host" "silent" | selector "absent" "for" duration | lines | value compare limit
//   lines      = "logs" "(" "query" ")" compare number "in" duration
//   value      = operand [ "/" operand ]
//   operand    = selector | function "(" selector { "," argument } ")"
//   function   = last | mean | max | min | rate | increase | forecast | replaced | changed
//   selector   = measurement [ "{" tag ("=" | "!=") "text" { "," … } "}" ] "." field
//   compare    = ">" | ">=" | "<" | "<=" | "==" | "!="
//   limit      = number [ "%" | unit of bytes | unit of time ] | "text"
//
// The text of a tag filter may hold `*` for any letters and `|` between alternatives. Time units make seconds. No I/O;
// linear in the length of the text; nesting and length are bounded.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"

namespace resmon::alert {

inline constexpr std::size_t kLongestExpression = 4096;  // bytes
inline constexpr std::size_t kMostComparisons = 16;
inline constexpr std::chrono::hours kLongestLogWindow{24};

enum class Function : std::uint8_t {
  kLast,  // the newest value
  kMean,  // of a window, as the next two
  kMax,
  kMin,
  kIncrease,  // by which a counter grew within a window; steps back count as restarts from 0
  kRate,      // the same per second
  kForecast,  // seconds until a percentage reaches 100, or any other field 0, by the trend of a span of hours
  kReplaced,  // 1 where the series took the place of one that differs in one tag only; else 0
  kChanged,   // by which the newest value differs from the one before
  kAbsent,    // seconds since the series' last row, counted by its host's newest row
  kSilent,    // seconds since the host was last heard of
  kLogs,      // lines of the host's log within a window that a query finds; who counts them calls the engine
};

enum class Compare : std::uint8_t { kGreater, kGreaterEqual, kLess, kLessEqual, kEqual, kNotEqual };
std::string_view compare_text(Compare compare);  // ">", ">=" …
bool compares(Compare compare, double value, double limit);

struct TagFilter {
  std::string key;
  std::vector<std::string> patterns;  // any of them; `*` stands for any letters
  bool negated = false;
  bool operator==(const TagFilter&) const = default;
};

struct Selector {
  std::string measurement;  // empty: of kSilent
  std::vector<TagFilter> filters;
  bool operator==(const Selector&) const = default;

  // A tag that a series does not have has the value "".
  bool matches(const std::vector<metric::Tag>& tags) const;
};

struct Operand {
  Function function = Function::kLast;
  Selector selector;
  std::string field;
  std::chrono::nanoseconds window{0};
  std::string tag;    // of kReplaced: in which the other series differs
  std::string query;  // of kLogs
  bool operator==(const Operand&) const = default;
};

struct Comparison {
  std::uint32_t operand = 0;  // of Condition::operands
  std::int32_t divisor = -1;  // the same; -1: none
  Compare compare = Compare::kGreater;
  double limit = 0;
  bool is_text = false;
  std::string text;  // of is_text
  std::string unit;  // of the limit as it was written: "%", "GiB", "h" …
};

// A tree in which each node's children have lower numbers; the last node is the root.
struct ConditionNode {
  enum class Kind : std::uint8_t { kComparison, kAnd, kOr };
  Kind kind = Kind::kComparison;
  std::uint32_t left = 0;  // of kComparison: which
  std::uint32_t right = 0;
};

struct Condition {
  std::string text;
  std::vector<Operand> operands;  // each once
  std::vector<Comparison> comparisons;
  std::vector<ConditionNode> nodes;
};

// A place in a text and what is wrong there. `at`: bytes before it.
struct ExpressionError {
  std::size_t at = 0;
  std::string reason;
};

// Empty error: it was read.
struct ParsedCondition {
  Condition condition;
  ExpressionError error;
  bool ok = false;
};
ParsedCondition parse_condition(std::string_view text);

// "90", "90%", "1.5GiB", "24h": as the limit of a comparison. False: it is none.
bool parse_limit(std::string_view text, double& value, std::string& unit);

// `*` stands for any letters; all else for itself. Linear in the product of both lengths.
bool matches_pattern(std::string_view text, std::string_view pattern);

}  // namespace resmon::alert
