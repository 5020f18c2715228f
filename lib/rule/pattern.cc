#include "rule/pattern.h"

#include <re2/re2.h>

#include <algorithm>

namespace resmon::rule {

namespace {

constexpr std::size_t kLongestPattern = 4096;
constexpr std::int64_t kExpressionBytes = 1 << 20;  // of a compiled expression

// The regular expression of a shell pattern. Empty: a bracket or brace has no end.
std::string expression_of(std::string_view glob) {
  std::string out;
  bool in_braces = false;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const char c = glob[i];
    if (c == '*') {
      out += ".*";
    } else if (c == '?') {
      out += '.';
    } else if (c == '[') {
      const std::size_t end = glob.find(']', i + 2);
      if (end == std::string_view::npos) return {};
      std::string inside(glob.substr(i + 1, end - i - 1));
      if (inside.front() == '!') inside.front() = '^';
      std::string escaped;
      for (const char one : inside) escaped += one == '[' || one == '\\' ? std::string{'\\', one} : std::string{one};
      out += "[" + escaped + "]";
      i = end;
    } else if (c == '{' && !in_braces) {
      out += "(?:";
      in_braces = true;
    } else if (c == '}' && in_braces) {
      out += ')';
      in_braces = false;
    } else if (c == ',' && in_braces) {
      out += '|';
    } else {
      out += re2::RE2::QuoteMeta(re2::StringPiece(&glob[i], 1));
    }
  }
  return in_braces ? std::string() : out;
}

}  // namespace

Result<Pattern> Pattern::make(std::string_view text) {
  if (text.size() > kLongestPattern) return fail(ErrorKind::kInvalid, "a pattern has at most 4096 bytes");
  Pattern out;
  out.text_ = text;
  std::string expression;
  if (text.size() > 2 && text.front() == '/' && text.back() == '/') {
    expression = text.substr(1, text.size() - 2);
    out.whole_ = false;
  } else if (text.find_first_of("*?[{") == std::string_view::npos) {
    return out;
  } else {
    expression = expression_of(text);
    if (expression.empty()) return fail(ErrorKind::kInvalid, "'" + std::string(text) + "': a [ or { has no end");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kExpressionBytes);
  auto compiled = std::make_shared<const re2::RE2>(expression, options);
  if (!compiled->ok())
    return fail(ErrorKind::kInvalid,
                "'" + std::string(text) + "' is not a valid regular expression: " + compiled->error());
  out.expression_ = std::move(compiled);
  return out;
}

bool Pattern::matches(std::string_view text) const {
  if (!expression_) return text == text_;
  const re2::StringPiece piece(text.data(), text.size());
  return whole_ ? re2::RE2::FullMatch(piece, *expression_) : re2::RE2::PartialMatch(piece, *expression_);
}

Result<Patterns> Patterns::make(const std::vector<std::string>& texts) {
  Patterns out;
  for (const std::string& text : texts) {
    RESMON_ASSIGN(Pattern pattern, Pattern::make(text));
    out.patterns_.push_back(std::move(pattern));
  }
  return out;
}

bool Patterns::matches(std::string_view text) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& one) { return one.matches(text); });
}

}  // namespace resmon::rule
