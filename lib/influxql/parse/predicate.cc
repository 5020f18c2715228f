#include "influxql/parse/predicate.h"

#include <string>

namespace resmon::influxql {
namespace {

class PredicateParser {
 public:
  explicit PredicateParser(std::string_view text) : text_(text) {}

  Result<Delete> run() {
    Delete out;
    skip_spaces();
    if (at_end()) return out;
    do {
      RESMON_TRY(comparison(out));
    } while (accept_and());
    if (!at_end()) return wrong("AND");
    return out;
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  void skip_spaces() {
    while (!at_end() && (text_[at_] == ' ' || (text_[at_] >= '\t' && text_[at_] <= '\r'))) ++at_;
  }
  bool accept(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    skip_spaces();
    return true;
  }
  bool accept_and() { return accept("AND ") || accept("and "); }
  Unexpected<Error> wrong(std::string_view expected) const {
    return fail(ErrorKind::kInvalid,
                "bad predicate at character " + std::to_string(at_ + 1) + ": expected " + std::string(expected));
  }

  // A text in quotes, with \ before a quote in it, or one without that ends at a space or an operator.
  Result<std::string> word() {
    std::string out;
    if (!at_end() && (text_[at_] == '"' || text_[at_] == '\'')) {
      const char quote = text_[at_++];
      for (; !at_end() && text_[at_] != quote; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        out += text_[at_];
      }
      if (at_end()) return wrong("the closing quote");
      ++at_;
    } else {
      while (!at_end() && std::string_view(" =!\t\r\n()<>~").find(text_[at_]) == std::string_view::npos)
        out += text_[at_++];
      if (out.empty()) return wrong("a name");
    }
    skip_spaces();
    return out;
  }

  Status comparison(Delete& out) {
    RESMON_ASSIGN(const std::string name, word());
    const bool equal = accept("==") || accept("=");
    if (!equal && !accept("!=")) return wrong("= or !=");
    RESMON_ASSIGN(const std::string value, word());
    if (name == "_field") return fail(ErrorKind::kInvalid, "a predicate on _field is not supported");
    if (name == "_measurement" && equal && out.sources.empty()) {
      out.sources.emplace_back().name = value;
      return {};
    }
    if (name == "_measurement") return fail(ErrorKind::kInvalid, "a predicate names one _measurement, with =");
    Expr text;
    text.kind = Expr::Kind::kString;
    text.name = value;
    ExprPtr one = make_binary(equal ? Token::kEq : Token::kNeq, make_variable(name, DataType::kTag),
                              std::make_shared<const Expr>(std::move(text)));
    out.condition = out.condition == nullptr ? one : make_binary(Token::kAnd, out.condition, one);
    return {};
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Delete> parse_delete_predicate(std::string_view text) {
  return PredicateParser(text).run();
}

}  // namespace resmon::influxql
