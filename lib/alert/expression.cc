#include "alert/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "config/nearest.h"
#include "config/units.h"
#include "logs/query.h"

namespace resmon::alert {

namespace {

constexpr std::size_t kDeepest = 8;
constexpr auto kLongestWindow = std::chrono::hours(24 * 90);
constexpr auto kShortestForecast = std::chrono::hours(24);

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-';
}

struct NamedFunction {
  std::string_view name;
  Function function;
  bool window;
};
constexpr std::array<NamedFunction, 9> kFunctions{{{"last", Function::kLast, false},
                                                   {"mean", Function::kMean, true},
                                                   {"max", Function::kMax, true},
                                                   {"min", Function::kMin, true},
                                                   {"rate", Function::kRate, true},
                                                   {"increase", Function::kIncrease, true},
                                                   {"forecast", Function::kForecast, true},
                                                   {"replaced", Function::kReplaced, false},
                                                   {"changed", Function::kChanged, false}}};

const NamedFunction* find_function(std::string_view name) {
  for (const NamedFunction& one : kFunctions)
    if (one.name == name) return &one;
  return nullptr;
}

std::string unknown_function(std::string_view name) {
  std::vector<std::string> names;
  for (const NamedFunction& one : kFunctions) names.emplace_back(one.name);
  const std::string* const near = config::nearest(name, names);
  return "there is no function '" + std::string(name) + "'" +
         (near != nullptr ? "; did you mean " + *near + "?" : std::string());
}

// Throws nothing: the first error is kept, and everything behind it returns at once.
class ConditionParser {
 public:
  explicit ConditionParser(std::string_view text) : text_(text) {}

  ParsedCondition run() {
    ParsedCondition out;
    out_.text = text_;
    if (text_.size() > kLongestExpression)
      stop(0, fmt::format("longer than {} bytes", kLongestExpression));
    else if (skip(); at_ == text_.size())
      stop(at_, "is empty");
    else
      condition(0);
    skip();
    if (!failed_ && at_ < text_.size()) stop(at_, "expected 'and', 'or' or the end");
    out.condition = std::move(out_);
    out.error = std::move(error_);
    out.ok = !failed_;
    return out;
  }

 private:
  void stop(std::size_t at, std::string reason) {
    if (failed_) return;
    failed_ = true;
    error_ = {at, std::move(reason)};
  }
  void skip() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (!take(c)) stop(at_, fmt::format("expected '{}'", c));
  }
  // A name without moving on.
  std::string_view look_name() {
    skip();
    std::size_t end = at_;
    while (end < text_.size() && is_name(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }
  std::string_view name(const char* what) {
    const std::string_view found = look_name();
    if (found.empty()) stop(at_, fmt::format("expected {}", what));
    at_ += found.size();
    return found;
  }
  bool take_word(std::string_view word) {
    if (look_name() != word) return false;
    at_ += word.size();
    return true;
  }

  std::uint32_t add_node(ConditionNode node) {
    out_.nodes.push_back(node);
    return static_cast<std::uint32_t>(out_.nodes.size() - 1);
  }

  std::uint32_t condition(std::size_t depth) {
    std::uint32_t left = all(depth);
    while (!failed_ && take_word("or")) {
      const std::uint32_t right = all(depth);
      left = add_node({ConditionNode::Kind::kOr, left, right});
    }
    return left;
  }
  std::uint32_t all(std::size_t depth) {
    std::uint32_t left = one(depth);
    while (!failed_ && take_word("and")) {
      const std::uint32_t right = one(depth);
      left = add_node({ConditionNode::Kind::kAnd, left, right});
    }
    return left;
  }

  std::uint32_t one(std::size_t depth) {
    if (failed_) return 0;
    if (peek() == '(') {
      if (depth + 1 > kDeepest) {
        stop(at_, fmt::format("nests deeper than {} brackets", kDeepest));
        return 0;
      }
      ++at_;
      const std::uint32_t inside = condition(depth + 1);
      need(')');
      return inside;
    }
    if (out_.comparisons.size() >= kMostComparisons)
      stop(at_, fmt::format("more than {} comparisons", kMostComparisons));
    Comparison comparison = this->comparison();
    if (failed_) return 0;
    out_.comparisons.push_back(std::move(comparison));
    return add_node({ConditionNode::Kind::kComparison, static_cast<std::uint32_t>(out_.comparisons.size() - 1), 0});
  }

  std::uint32_t add_operand(Operand operand) {
    const auto known = std::find(out_.operands.begin(), out_.operands.end(), operand);
    if (known != out_.operands.end()) return static_cast<std::uint32_t>(known - out_.operands.begin());
    out_.operands.push_back(std::move(operand));
    return static_cast<std::uint32_t>(out_.operands.size() - 1);
  }

  Comparison comparison() {
    Comparison out;
    const std::size_t begin = (skip(), at_);
    if (look_name() == "logs") {
      at_ += std::string_view("logs").size();
      if (peek() == '(') return lines(begin);
      at_ = begin;
    }
    if (take_word("host")) {
      if (!take_word("silent")) {
        at_ = begin;
      } else {
        out.operand = add_operand({Function::kSilent, {}, {}, {}, {}, {}});
        out.compare = Compare::kGreaterEqual;
        return out;
      }
    }
    Operand operand = this->operand();
    if (failed_) return out;
    if (operand.function == Function::kLast && take_word("absent")) return absent(std::move(operand));
    const Selector selector = operand.selector;
    const bool plain = operand.function == Function::kLast;
    out.operand = add_operand(std::move(operand));
    if (take('/')) {
      const std::size_t at = (skip(), at_);
      Operand divisor = this->operand();
      if (failed_) return out;
      if (divisor.selector != selector) stop(at, "both sides of '/' must be fields of the same series");
      out.divisor = static_cast<std::int32_t>(add_operand(std::move(divisor)));
    }
    out.compare = this->compare();
    limit(out);
    if (!failed_ && out.is_text && (!plain || out.divisor >= 0 || out.compare < Compare::kEqual))
      stop(at_, "a text can only be compared with == or != to a field");
    return out;
  }

  // logs('unit:sshd "Failed password"') > 20 in 5m
  Comparison lines(std::size_t begin) {
    Comparison out;
    Operand operand;
    operand.function = Function::kLogs;
    need('(');
    const std::size_t at = (skip(), at_);
    operand.query = quoted('\'');
    need(')');
    if (failed_) return out;
    if (const auto query = logs::Query::parse(operand.query); !query)
      stop(at, "the query of lines cannot be read: " + query.error().message);
    else if (query->last() || query->limit())
      stop(at, "the query of lines selects lines only; how long is said behind 'in'");
    out.compare = this->compare();
    limit(out);
    if (!failed_ && (out.is_text || !out.unit.empty())) stop(at_, "lines are compared with a number");
    if (!failed_ && !take_word("in")) stop(at_, "expected 'in' and how long, as in: logs('error') > 20 in 5m");
    operand.window = duration();
    if (!failed_ && operand.window > kLongestLogWindow) stop(begin, "lines are counted for 24h at most");
    out.operand = add_operand(std::move(operand));
    return out;
  }

  Comparison absent(Operand operand) {
    Comparison out;
    if (!take_word("for")) stop(at_, "expected 'for' and how long, as in: absent for 5m");
    const auto span = duration();
    operand.function = Function::kAbsent;
    out.operand = add_operand(std::move(operand));
    out.compare = Compare::kGreaterEqual;
    out.limit = std::chrono::duration<double>(span).count();
    out.unit = "s";
    return out;
  }

  Operand operand() {
    const std::size_t begin = (skip(), at_);
    const std::string_view first = name("a measurement, a function or 'host silent'");
    if (failed_) return {};
    if (peek() != '(') {
      at_ = begin;
      return series();
    }
    const NamedFunction* const function = find_function(first);
    if (function == nullptr) {
      stop(begin, unknown_function(first));
      return {};
    }
    ++at_;
    Operand out = series();
    out.function = function->function;
    if (function->window) {
      if (!take(',')) stop(at_, fmt::format("{} needs a span, as in: {}(cpu.usage_active, 5m)", first, first));
      const std::size_t at = (skip(), at_);
      out.window = duration();
      if (!failed_ && out.function == Function::kForecast && out.window < kShortestForecast)
        stop(at, "a forecast needs a span of 1d or more");
    }
    if (out.function == Function::kReplaced) {
      if (!take(',')) stop(at_, "replaced needs the tag that differs, as in: replaced(disk{mode=\"ro\"}.total, mode)");
      out.tag = name("a tag");
    }
    need(')');
    return out;
  }

  Operand series() {
    Operand out;
    out.selector.measurement = name("a measurement");
    if (!failed_ && take('{')) {
      do {
        filter(out.selector);
      } while (!failed_ && take(','));
      need('}');
    }
    if (!failed_ && !take('.')) stop(at_, "expected '.' and a field, as in: disk.used_percent");
    out.field = name("a field");
    return out;
  }

  void filter(Selector& selector) {
    TagFilter out;
    out.key = name("a tag");
    if (take('!')) out.negated = true;
    need('=');
    std::string text = quoted();
    if (failed_) return;
    std::size_t begin = 0;
    while (true) {
      const std::size_t bar = text.find('|', begin);
      out.patterns.push_back(text.substr(begin, bar == std::string::npos ? bar : bar - begin));
      if (bar == std::string::npos) break;
      begin = bar + 1;
    }
    selector.filters.push_back(std::move(out));
  }

  // In double quotes, or in the other ones where there are any.
  std::string quoted(char other = '"') {
    const char quote = peek() == other ? other : '"';
    if (!take(quote)) {
      stop(at_, other == '"' ? "expected a text in double quotes" : "expected a text in quotes");
      return {};
    }
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    if (at_ == text_.size())
      stop(at_, "the text has no closing quote");
    else
      ++at_;
    return out;
  }

  std::string_view word() {  // a number with its unit
    skip();
    std::size_t end = at_;
    while (end < text_.size() && (is_name(text_[end]) || text_[end] == '.' || text_[end] == '+' || text_[end] == '%'))
      ++end;
    return text_.substr(at_, end - at_);
  }

  // "5m", or "5 m".
  std::string_view span_text() {
    const std::string_view first = word();
    if (first.empty() || first.find_first_not_of("0123456789") != std::string_view::npos) return first;
    std::size_t end = std::min(text_.find_first_not_of(' ', at_ + first.size()), text_.size());
    while (end < text_.size() && text_[end] >= 'a' && text_[end] <= 'z') ++end;
    return text_.substr(at_, end - at_);
  }

  std::chrono::nanoseconds duration() {
    if (failed_) return {};
    const std::string_view text = span_text();
    const auto parsed = config::parse_duration(text);
    if (!parsed || parsed->count() <= 0 || *parsed > kLongestWindow) {
      stop(at_, "expected a span of time, as 30s, 5m, 1h or 7d, at most 90d");
      return {};
    }
    at_ += text.size();
    return *parsed;
  }

  Compare compare() {
    static constexpr std::array<std::pair<std::string_view, Compare>, 6> kAll{{{">=", Compare::kGreaterEqual},
                                                                               {"<=", Compare::kLessEqual},
                                                                               {"==", Compare::kEqual},
                                                                               {"!=", Compare::kNotEqual},
                                                                               {">", Compare::kGreater},
                                                                               {"<", Compare::kLess}}};
    skip();
    for (const auto& [text, compare] : kAll)
      if (text_.substr(at_).starts_with(text)) {
        at_ += text.size();
        return compare;
      }
    stop(at_, "expected a comparison: > >= < <= == or !=");
    return Compare::kGreater;
  }

  void limit(Comparison& out) {
    if (failed_) return;
    if (peek() == '"') {
      out.is_text = true;
      out.text = quoted();
      return;
    }
    const std::string_view text = word();
    if (!parse_limit(text, out.limit, out.unit))
      stop(at_, "expected a number, as 90, 90%, 2GiB or 24h, or a text in quotes");
    at_ += text.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  ExpressionError error_;
  Condition out_;
};

}  // namespace

std::string_view compare_text(Compare compare) {
  switch (compare) {
    case Compare::kGreater:
      return ">";
    case Compare::kGreaterEqual:
      return ">=";
    case Compare::kLess:
      return "<";
    case Compare::kLessEqual:
      return "<=";
    case Compare::kEqual:
      return "==";
    case Compare::kNotEqual:
      return "!=";
  }
  return ">";
}

bool compares(Compare compare, double value, double limit) {
  switch (compare) {
    case Compare::kGreater:
      return value > limit;
    case Compare::kGreaterEqual:
      return value >= limit;
    case Compare::kLess:
      return value < limit;
    case Compare::kLessEqual:
      return value <= limit;
    case Compare::kEqual:
      return !(value < limit) && !(value > limit);
    case Compare::kNotEqual:
      return value < limit || value > limit;
  }
  return false;
}

bool matches_pattern(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0;
  std::size_t star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Selector::matches(const std::vector<metric::Tag>& tags) const {
  return std::all_of(filters.begin(), filters.end(), [&](const TagFilter& filter) {
    std::string_view value;
    for (const metric::Tag& tag : tags)
      if (tag.key == filter.key) value = tag.value;
    const bool any = std::any_of(filter.patterns.begin(), filter.patterns.end(),
                                 [&](const std::string& pattern) { return matches_pattern(value, pattern); });
    return any != filter.negated;
  });
}

bool parse_limit(std::string_view text, double& value, std::string& unit) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return false;
  unit = std::string(end, digits.data() + digits.size());
  if (unit.empty() || unit == "%") return true;
  if (const auto seconds = config::parse_duration("1" + unit); seconds) {
    value *= std::chrono::duration<double>(*seconds).count();
    return true;
  }
  if (const auto bytes = config::parse_bytes("1" + unit)) {
    value *= static_cast<double>(*bytes);
    return true;
  }
  if (const auto span = config::parse_duration(text)) {  // "1h30m"
    value = std::chrono::duration<double>(*span).count();
    unit = "s";
    return true;
  }
  return false;
}

ParsedCondition parse_condition(std::string_view text) {
  return ConditionParser(text).run();
}

}  // namespace resmon::alert
