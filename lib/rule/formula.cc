#include "rule/formula.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace resmon::rule {

namespace {

constexpr std::size_t kLongestFormula = 1000;
constexpr std::size_t kMostSteps = 60;  // less than evaluate()'s stack
constexpr int kDeepest = 16;

using Kind = Formula::Step::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Formula> parse() {
    RESMON_TRY(sum());
    if (peek() != '\0') return wrong("an operator: + - * /");
    return std::move(out_);
  }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  Unexpected<Error> wrong(const std::string& wanted) const {
    return fail(ErrorKind::kInvalid,
                "at '" + std::string(text_.substr(std::min(at_, text_.size()), 20)) + "': expected " + wanted);
  }
  Status push(Kind kind, double number = 0, std::size_t name = 0) {
    if (out_.steps.size() >= kMostSteps) return fail(ErrorKind::kInvalid, "longer than 60 terms and operators");
    out_.steps.push_back({kind, number, name});
    return {};
  }

  Status sum() {
    if (++depth_ > kDeepest) return fail(ErrorKind::kInvalid, "more than 16 parentheses deep");
    RESMON_TRY(product());
    while (true) {
      const bool plus = take('+');
      if (!plus && !take('-')) break;
      RESMON_TRY(product());
      RESMON_TRY(push(plus ? Kind::kAdd : Kind::kSubtract));
    }
    --depth_;
    return {};
  }
  Status product() {
    RESMON_TRY(term());
    while (true) {
      const bool times = take('*');
      if (!times && !take('/')) break;
      RESMON_TRY(term());
      RESMON_TRY(push(times ? Kind::kMultiply : Kind::kDivide));
    }
    return {};
  }
  Status term() {
    const char c = peek();
    if (take('(')) {
      RESMON_TRY(sum());
      if (!take(')')) return wrong(")");
      return {};
    }
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.') {
      double number = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
      if (error != std::errc()) return wrong("a number");
      at_ = static_cast<std::size_t>(end - text_.data());
      return push(Kind::kNumber, number);
    }
    const bool quoted = c == '"';
    const std::string word = name();
    if (word.empty()) return wrong("a number, a field, rate(FIELD) or (");
    if (quoted || word != "rate" || peek() != '(') return push(Kind::kField, 0, index_of(word));
    ++at_;
    peek();
    const std::string field = name();
    if (field.empty()) return wrong("a field");
    if (!take(')')) return wrong(")");
    out_.has_rate = true;
    return push(Kind::kRate, 0, index_of(field));
  }
  std::string name() {
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) return {};
      std::string out(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      return out;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_' || text_[at_] == '.'))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  std::size_t index_of(const std::string& word) {
    const auto found = std::find(out_.names.begin(), out_.names.end(), word);
    if (found != out_.names.end()) return static_cast<std::size_t>(found - out_.names.begin());
    out_.names.push_back(word);
    return out_.names.size() - 1;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Formula out_;
};

}  // namespace

Result<Formula> Formula::parse(std::string_view text) {
  if (text.size() > kLongestFormula) return fail(ErrorKind::kInvalid, "longer than 1000 bytes");
  return Parser(text).parse();
}

}  // namespace resmon::rule
