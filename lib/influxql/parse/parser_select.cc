#include "influxql/parse/parser_internal.h"

namespace resmon::influxql {
namespace {

bool is_word(const Lexeme& lexeme, std::string_view word) {
  if (lexeme.token != Token::kIdent || lexeme.text.size() != word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if ((lexeme.text[i] | 0x20) != word[i]) return false;
  }
  return true;
}

// The first comparison or logical operator in a SELECT field, where only arithmetic makes sense.
Token misplaced_operator(const Expr& expr) {
  if (expr.is(Expr::Kind::kBinary) && expr.op >= Token::kAnd && expr.op <= Token::kGte) return expr.op;
  for (const ExprPtr& arg : expr.args) {
    const Token found = misplaced_operator(*arg);
    if (found != Token::kIllegal) return found;
  }
  return Token::kIllegal;
}

// What is before a measurement's name: "rp.m", "db.rp.m".
void take_place(std::vector<std::string>& parts, Source& out) {
  if (!parts.empty()) {
    out.retention_policy = std::move(parts.back());
    parts.pop_back();
  }
  if (!parts.empty()) out.database = std::move(parts.back());
}

}  // namespace

Result<Select> Parser::select() {
  const Nest nest(*this);
  if (nest.too_deep()) return fail(ErrorKind::kLimit, "query nests too deeply");
  Select out;
  do {
    RESMON_ASSIGN(SelectField one, field());
    out.fields.push_back(std::move(one));
  } while (accept(Token::kComma));
  if (accept(Token::kInto)) {
    RESMON_ASSIGN(out.target, target());
  }
  RESMON_TRY(expect(Token::kFrom));
  RESMON_ASSIGN(out.sources, sources(true));
  RESMON_ASSIGN(out.condition, condition());
  RESMON_ASSIGN(out.dimensions, dimensions());
  RESMON_TRY(fill(out));
  RESMON_TRY(order(out.ordered, out.ascending));
  RESMON_ASSIGN(out.limit, count(Token::kLimit));
  RESMON_ASSIGN(out.offset, count(Token::kOffset));
  RESMON_ASSIGN(out.series_limit, count(Token::kSlimit));
  RESMON_ASSIGN(out.series_offset, count(Token::kSoffset));
  RESMON_TRY(zone(out));
  return out;
}

Result<SelectField> Parser::field() {
  SelectField out;
  RESMON_ASSIGN(out.expr, regex_expr());
  if (out.expr == nullptr) {
    const Position at = scan_solid().at;
    unscan();
    RESMON_ASSIGN(out.expr, expression());
    const Token bad = misplaced_operator(*out.expr);
    if (bad != Token::kIllegal) {
      return error_text("invalid operator " + std::string(token_name(bad)) + " in SELECT clause" + where(at) +
                        "; operator is intended for WHERE clause");
    }
  }
  if (accept(Token::kAs)) {
    RESMON_ASSIGN(out.alias, ident());
  }
  skip_whitespace();
  return out;
}

Result<std::vector<Source>> Parser::sources(bool subqueries) {
  std::vector<Source> out;
  do {
    RESMON_ASSIGN(Source one, source(subqueries));
    out.push_back(std::move(one));
  } while (accept(Token::kComma));
  return out;
}

Result<Source> Parser::source(bool subqueries) {
  Source out;
  RESMON_ASSIGN(out.regex, regex());
  if (out.regex != nullptr) return out;
  if (subqueries && accept(Token::kLeftParen)) {
    RESMON_TRY(expect(Token::kSelect));
    RESMON_ASSIGN(Select inner, select());
    RESMON_TRY(expect(Token::kRightParen));
    out.subquery = std::make_shared<const Select>(std::move(inner));
    return out;
  }
  RESMON_ASSIGN(std::vector<std::string> parts, segments());
  if (parts.size() < 3) {
    RESMON_ASSIGN(out.regex, regex());
  }
  if (out.regex == nullptr) {
    out.name = std::move(parts.back());
    parts.pop_back();
  }
  take_place(parts, out);
  return out;
}

// "m", "rp.m", "db.rp.m", and with :MEASUREMENT in the place of m.
Result<Source> Parser::target() {
  Source out;
  RESMON_ASSIGN(std::vector<std::string> parts, segments());
  if (parts.size() < 3 && lexer_.peek() == ':') {
    const Lexeme colon = scan_solid();
    if (colon.token != Token::kColon) return unexpected(colon, {":"});
    const Lexeme word = scan_solid();
    if (word.token != Token::kMeasurement) return unexpected(word, {"MEASUREMENT"});
  } else {
    out.name = std::move(parts.back());
    parts.pop_back();
  }
  take_place(parts, out);
  return out;
}

// "a", "a.b", "db..m"; what follows a last dot may be a regular expression or a type, which the caller reads.
Result<std::vector<std::string>> Parser::segments() {
  std::vector<std::string> out;
  RESMON_ASSIGN(std::string first, ident());
  out.push_back(std::move(first));
  for (;;) {
    if (scan().token != Token::kDot) {
      unscan();
      break;
    }
    const char32_t next = lexer_.peek();
    if (next == '/' || next == ':') break;
    if (next == '.') {
      out.emplace_back();
      continue;
    }
    RESMON_ASSIGN(std::string more, ident());
    out.push_back(std::move(more));
  }
  if (out.size() > 3) {
    std::string text;
    for (std::size_t i = 0; i + 1 < out.size(); ++i) text += '"' + out[i] + "\".";
    text += quote_ident(out.back());
    return error_at("too many segments in " + text, {});
  }
  return out;
}

Result<ExprPtr> Parser::condition() {
  if (!accept(Token::kWhere)) return ExprPtr();
  return expression();
}

Result<std::vector<ExprPtr>> Parser::dimensions() {
  std::vector<ExprPtr> out;
  if (!accept(Token::kGroup)) return out;
  RESMON_TRY(expect(Token::kBy));
  for (;;) {
    RESMON_ASSIGN(ExprPtr one, regex_expr());
    if (one == nullptr) {
      RESMON_ASSIGN(one, expression());
      skip_whitespace();
    }
    out.push_back(std::move(one));
    if (scan().token != Token::kComma) {
      unscan();
      return out;
    }
  }
}

Status Parser::fill(Select& select) {
  const Lexeme next = scan_solid();
  unscan();
  if (!is_word(next, "fill")) return {};
  RESMON_ASSIGN(const ExprPtr expr, expression());
  if (!expr->is(Expr::Kind::kCall)) return error_text("fill must be a function call");
  if (expr->args.size() != 1) {
    return error_text("fill requires an argument, e.g.: 0, null, none, previous, linear");
  }
  const ExprPtr& option = expr->args.front();
  const std::string text = to_string(*option);
  if (text == "null") {
    select.fill = Fill::kNull;
  } else if (text == "none") {
    select.fill = Fill::kNone;
  } else if (text == "previous") {
    select.fill = Fill::kPrevious;
  } else if (text == "linear") {
    select.fill = Fill::kLinear;
  } else if (option->is(Expr::Kind::kInteger) || option->is(Expr::Kind::kNumber)) {
    select.fill = Fill::kNumber;
    select.fill_value = option;
  } else {
    return error_text("expected number argument in fill()");
  }
  return {};
}

Status Parser::order(bool& ordered, bool& ascending) {
  if (!accept(Token::kOrder)) return {};
  RESMON_TRY(expect(Token::kBy));
  ordered = true;
  const auto direction = [&] {
    if (accept(Token::kDesc)) {
      ascending = false;
    } else {
      accept(Token::kAsc);
    }
  };
  const Lexeme first = scan_solid();
  if (first.token == Token::kAsc || first.token == Token::kDesc) {
    ascending = first.token == Token::kAsc;
  } else if (first.token == Token::kIdent) {
    direction();
    if (first.text != "time") return error_text("only ORDER BY time supported at this time");
  } else {
    return unexpected(first, {"identifier", "ASC", "DESC"});
  }
  bool several = false;
  while (accept(Token::kComma)) {
    RESMON_TRY(ident());
    direction();
    several = true;
  }
  if (several) return error_text("only ORDER BY time supported at this time");
  return {};
}

Status Parser::zone(Select& select) {
  const Lexeme next = scan_solid();
  unscan();
  if (!is_word(next, "tz")) return {};
  RESMON_ASSIGN(const ExprPtr expr, expression());
  if (!expr->is(Expr::Kind::kCall)) return error_text("tz must be a function call");
  if (expr->args.size() != 1) return error_text("tz requires exactly one argument");
  if (!expr->left().is(Expr::Kind::kString)) return error_text("expected string argument in tz()");
  select.zone = expr->left().name.empty() ? "UTC" : expr->left().name;
  return {};
}

}  // namespace resmon::influxql
