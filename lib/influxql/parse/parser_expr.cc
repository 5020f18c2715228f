#include <charconv>

#include "influxql/parse/duration.h"
#include "influxql/parse/parser_internal.h"

namespace resmon::influxql {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

Expr literal(Expr::Kind kind) {
  Expr expr;
  expr.kind = kind;
  return expr;
}

}  // namespace

Result<ExprPtr> Parser::node(ExprPtr expr) {
  if (++nodes_ > limits_.nodes) {
    return fail(ErrorKind::kLimit, "query has more than " + std::to_string(limits_.nodes) + " expressions");
  }
  return expr;
}

// Operator precedence without recursion: `pending` holds operands and operators whose right side is not complete yet,
// each operator binding tighter than the one before it.
Result<ExprPtr> Parser::expression() {
  const Nest nest(*this);
  if (nest.too_deep()) return fail(ErrorKind::kLimit, "query nests too deeply");
  struct Open {
    ExprPtr left;
    Token op;
  };
  std::vector<Open> pending;
  RESMON_ASSIGN(ExprPtr current, unary());
  for (;;) {
    const Token op = scan_solid().token;
    const bool more = is_operator(op);
    if (!more) unscan();
    while (!pending.empty() && (!more || precedence(pending.back().op) >= precedence(op))) {
      RESMON_ASSIGN(current, node(make_binary(pending.back().op, std::move(pending.back().left), std::move(current))));
      pending.pop_back();
    }
    if (!more) return current;
    pending.push_back({std::move(current), op});
    if (op == Token::kEqRegex || op == Token::kNeqRegex) {
      RESMON_ASSIGN(current, regex_expr());
      if (current == nullptr) return unexpected(scan_solid(), {"regex"});
    } else {
      RESMON_ASSIGN(current, unary());
    }
  }
}

Result<ExprPtr> Parser::unary() {
  if (accept(Token::kLeftParen)) {
    RESMON_ASSIGN(ExprPtr inner, expression());
    const Lexeme close = scan_solid();
    if (close.token != Token::kRightParen) return unexpected(close, {")"});
    return node(make_paren(std::move(inner)));
  }
  const Lexeme found = scan_solid();
  switch (found.token) {
    case Token::kIdent:
      if (scan().token == Token::kLeftParen) return call(found.text);
      unscan();
      unscan();
      return variable();
    case Token::kDistinct:
      return distinct();
    case Token::kMul:
      return wildcard();
    case Token::kBoundParam:
      if (found.text == "$") return error_text("empty bound parameter");
      // Or what is wrong with it, without a dollar.
      return error_text("missing parameter: " + found.text.substr(found.text.front() == '$' ? 1 : 0));
    case Token::kAdd:
    case Token::kSub:
      return signed_unary(found.token);
    default:
      return constant(found);
  }
}

Result<ExprPtr> Parser::distinct() {
  const Lexeme next = scan();
  if (next.token == Token::kLeftParen) return call("distinct");
  if (next.token != Token::kWhitespace) return unexpected(next, {"(", "identifier"});
  const Lexeme name = scan_solid();
  if (name.token != Token::kIdent) return unexpected(name, {"identifier"});
  Expr expr = literal(Expr::Kind::kDistinct);
  expr.name = name.text;
  return node(std::make_shared<const Expr>(std::move(expr)));
}

Result<ExprPtr> Parser::wildcard() {
  Expr expr = literal(Expr::Kind::kWildcard);
  expr.op = Token::kMul;
  if (scan().token == Token::kDoubleColon) {
    const Lexeme type = scan();
    if (type.token != Token::kField && type.token != Token::kTag) return unexpected(type, {"field", "tag"});
    expr.op = type.token;
  } else {
    unscan();
  }
  return node(std::make_shared<const Expr>(std::move(expr)));
}

Result<ExprPtr> Parser::constant(const Lexeme& found) {
  const char* begin = found.text.data();
  const char* end = begin + found.text.size();
  switch (found.token) {
    case Token::kString: {
      Expr expr = literal(Expr::Kind::kString);
      expr.name = found.text;
      return node(std::make_shared<const Expr>(std::move(expr)));
    }
    case Token::kNumber: {
      double value = 0;
      if (std::from_chars(begin, end, value).ec != std::errc()) return error_at("unable to parse number", found.at);
      return node(make_number(value));
    }
    case Token::kInteger: {
      std::int64_t value = 0;
      if (std::from_chars(begin, end, value).ec == std::errc()) return node(make_integer(value));
      Expr expr = literal(Expr::Kind::kUnsigned);
      if (std::from_chars(begin, end, expr.unsigned_integer).ec != std::errc()) {
        return error_at("unable to parse integer", found.at);
      }
      return node(std::make_shared<const Expr>(std::move(expr)));
    }
    case Token::kTrue:
    case Token::kFalse:
      return node(make_boolean(found.token == Token::kTrue));
    case Token::kDurationValue: {
      // Only a parameter has a sign of its own.
      const bool minus = found.text.starts_with('-');
      RESMON_ASSIGN(const std::int64_t nanos, parse_duration(std::string_view(found.text).substr(minus ? 1 : 0)));
      return node(make_duration(minus ? -nanos : nanos));
    }
    case Token::kRegex: {
      auto compiled = Regex::compile(found.text);
      if (!compiled) return error_at(compiled.error().message, found.at);
      Expr expr = literal(Expr::Kind::kRegex);
      expr.regex = *compiled;
      return node(std::make_shared<const Expr>(std::move(expr)));
    }
    default:
      return unexpected(found, {"identifier", "string", "number", "bool"});
  }
}

Result<ExprPtr> Parser::signed_unary(Token sign) {
  const Lexeme next = scan_solid();
  switch (next.token) {
    case Token::kNumber:
    case Token::kInteger:
    case Token::kDurationValue:
    case Token::kLeftParen:
    case Token::kIdent:
      break;
    default:
      return unexpected(next, {"identifier", "number", "duration", "("});
  }
  unscan();
  RESMON_ASSIGN(const ExprPtr operand, unary());
  const bool minus = sign == Token::kSub;
  switch (operand->kind) {
    case Expr::Kind::kNumber:
      return make_number(minus ? -operand->number : operand->number);
    case Expr::Kind::kInteger:
      return make_integer(minus ? -operand->integer : operand->integer);
    case Expr::Kind::kDuration:
      return make_duration(minus ? -operand->integer : operand->integer);
    case Expr::Kind::kUnsigned:
      if (!minus) return operand;
      if (operand->unsigned_integer == 1ULL << 63U) return make_integer(INT64_MIN);
      return error_text("constant -" + std::to_string(operand->unsigned_integer) + " underflows int64");
    default: {
      RESMON_ASSIGN(ExprPtr factor, node(make_integer(minus ? -1 : 1)));
      return node(make_binary(Token::kMul, std::move(factor), operand));
    }
  }
}

Result<std::shared_ptr<const Regex>> Parser::regex() {
  using Pointer = std::shared_ptr<const Regex>;
  const char32_t ahead = lexer_.peek();
  if (ahead == ' ' || ahead == '\t' || ahead == '\n') skip_whitespace();
  const char32_t next = lexer_.peek();
  if (next == '$') {
    const Token token = scan().token;
    unscan();
    if (token != Token::kRegex) return Pointer();
  } else if (next != '/') {
    return Pointer();
  }
  const Lexeme found = scan(&Lexer::next_regex);
  if (found.token == Token::kBadRegex) return error_at("bad regex: " + found.text, found.at);
  if (found.token != Token::kRegex) return unexpected(found, {"regex"});
  auto compiled = Regex::compile(found.text);
  if (!compiled) return error_at(compiled.error().message, found.at);
  return *compiled;
}

Result<ExprPtr> Parser::regex_expr() {
  RESMON_ASSIGN(auto compiled, regex());
  if (compiled == nullptr) return ExprPtr();
  Expr expr = literal(Expr::Kind::kRegex);
  expr.regex = std::move(compiled);
  return node(std::make_shared<const Expr>(std::move(expr)));
}

Result<ExprPtr> Parser::call(std::string name) {
  const Nest nest(*this);
  if (nest.too_deep()) return fail(ErrorKind::kLimit, "query nests too deeply");
  std::vector<ExprPtr> args;
  RESMON_ASSIGN(ExprPtr first, regex_expr());
  if (first == nullptr) {
    if (scan().token == Token::kRightParen) return node(make_call(lower(name), {}));
    unscan();
    RESMON_ASSIGN(first, expression());
  }
  args.push_back(std::move(first));
  while (accept(Token::kComma)) {
    RESMON_ASSIGN(ExprPtr next, regex_expr());
    if (next == nullptr) {
      RESMON_ASSIGN(next, expression());
    }
    args.push_back(std::move(next));
  }
  const Lexeme close = scan();
  if (close.token != Token::kRightParen) return unexpected(close, {")"});
  return node(make_call(lower(name), std::move(args)));
}

Result<ExprPtr> Parser::variable() {
  RESMON_ASSIGN(const std::vector<std::string> parts, segments());
  std::string name = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) name.append(".").append(parts[i]);
  DataType type = DataType::kUnknown;
  if (scan().token == Token::kDoubleColon) {
    const Lexeme found = scan();
    if (found.token == Token::kField) {
      type = DataType::kAnyField;
    } else if (found.token == Token::kTag) {
      type = DataType::kTag;
    } else if (found.token == Token::kIdent) {
      for (const DataType known :
           {DataType::kFloat, DataType::kInteger, DataType::kUnsigned, DataType::kString, DataType::kBoolean}) {
        if (lower(found.text) == data_type_name(known)) type = known;
      }
      if (type == DataType::kUnknown) {
        return unexpected(found, {"float", "integer", "unsigned", "string", "boolean", "field", "tag"});
      }
    } else {
      return unexpected(found, {"float", "integer", "string", "boolean", "field", "tag"});
    }
  } else {
    unscan();
  }
  return node(make_variable(std::move(name), type));
}

}  // namespace resmon::influxql
