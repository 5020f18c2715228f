#include "influxql/parse/regex.h"

#include <algorithm>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <re2/re2.h>
#pragma GCC diagnostic pop

namespace resmon::influxql {
namespace {

// The pattern comes from a stranger: what it may cost in memory is bounded here, what it may cost in time by RE2's
// design.
constexpr std::int64_t kMaxBytes = 4 << 20;
constexpr std::size_t kMaxPatternBytes = 64 << 10;

const char* go_wording(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge:
      return "expression nests or repeats too much";
    default:
      return "internal error";
  }
}

// Whether all that matches is at a text's beginning. False where that is not plain to see.
bool is_anchored(std::string_view pattern) {
  if (!pattern.starts_with('^') || pattern.find("\\Q") != std::string_view::npos) return false;
  if (pattern.size() > 1 && std::string_view("*+?{").find(pattern[1]) != std::string_view::npos) return false;
  int depth = 0;
  bool in_class = false;
  for (std::size_t i = 1; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') ++i;
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') ++i;  // one that is meant
    } else if (c == '(' || c == ')') {
      depth += c == '(' ? 1 : -1;
    } else if (c == '|' && depth == 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> re) : re_(std::move(re)) {}
Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return fail(ErrorKind::kLimit, "error parsing regexp: expression is longer than 65536 bytes");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxBytes);
  auto re = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!re->ok()) {
    // Go shows the whole pattern where a closing parenthesis is missing; RE2 shows the same.
    return fail(ErrorKind::kInvalid,
                std::string("error parsing regexp: ") + go_wording(re->error_code()) + ": `" + re->error_arg() + "`");
  }
  return std::shared_ptr<const Regex>(std::make_shared<Regex>(std::move(re)));
}

bool Regex::matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *re_);
}

std::string Regex::prefix() const {
  constexpr int kLongest = 32;
  std::string least;
  std::string most;
  if (!is_anchored(pattern()) || !re_->PossibleMatchRange(&least, &most, kLongest)) return {};
  // They bound the part of a text that matches, and whatever is between two texts begins as both do.
  const auto differs = std::mismatch(least.begin(), least.end(), most.begin(), most.end()).first;
  return {least.begin(), differs};
}

const std::string& Regex::pattern() const {
  return re_->pattern();
}

}  // namespace resmon::influxql
