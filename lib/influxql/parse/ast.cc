#include "influxql/parse/ast.h"

#include <fmt/format.h>

#include "influxql/parse/duration.h"
#include "influxql/parse/time_text.h"

namespace resmon::influxql {

std::string_view data_type_name(DataType type) {
  switch (type) {
    case DataType::kUnknown:
      return "unknown";
    case DataType::kFloat:
      return "float";
    case DataType::kInteger:
      return "integer";
    case DataType::kString:
      return "string";
    case DataType::kBoolean:
      return "boolean";
    case DataType::kTime:
      return "time";
    case DataType::kDuration:
      return "duration";
    case DataType::kTag:
      return "tag";
    case DataType::kAnyField:
      return "field";
    case DataType::kUnsigned:
      return "unsigned";
  }
  return "unknown";
}

DataType data_type_of(metric::FieldType type) {
  switch (type) {
    case metric::FieldType::kFloat:
      return DataType::kFloat;
    case metric::FieldType::kInteger:
      return DataType::kInteger;
    case metric::FieldType::kUnsigned:
      return DataType::kUnsigned;
    case metric::FieldType::kBoolean:
      return DataType::kBoolean;
    case metric::FieldType::kString:
      return DataType::kString;
  }
  return DataType::kUnknown;
}

namespace {

ExprPtr made(Expr expr) {
  return std::make_shared<const Expr>(std::move(expr));
}

Expr of_kind(Expr::Kind kind) {
  Expr expr;
  expr.kind = kind;
  return expr;
}

std::string quote_string(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '\'') out += '\\';
      out += c;
    }
  }
  return out += '\'';
}

std::string regex_text(const Regex& regex) {
  std::string out = "/";
  for (const char c : regex.pattern()) {
    if (c == '/') out += '\\';
    out += c;
  }
  return out += '/';
}

}  // namespace

ExprPtr make_variable(std::string name, DataType type) {
  Expr expr = of_kind(Expr::Kind::kVariable);
  expr.name = std::move(name);
  expr.type = type;
  return made(std::move(expr));
}
ExprPtr make_call(std::string name, std::vector<ExprPtr> args) {
  Expr expr = of_kind(Expr::Kind::kCall);
  expr.name = std::move(name);
  expr.args = std::move(args);
  return made(std::move(expr));
}
ExprPtr make_binary(Token op, ExprPtr left, ExprPtr right) {
  Expr expr = of_kind(Expr::Kind::kBinary);
  expr.op = op;
  expr.args = {std::move(left), std::move(right)};
  return made(std::move(expr));
}
ExprPtr make_paren(ExprPtr inner) {
  Expr expr = of_kind(Expr::Kind::kParen);
  expr.args = {std::move(inner)};
  return made(std::move(expr));
}
ExprPtr make_boolean(bool value) {
  Expr expr = of_kind(Expr::Kind::kBoolean);
  expr.boolean = value;
  return made(std::move(expr));
}
ExprPtr make_integer(std::int64_t value) {
  Expr expr = of_kind(Expr::Kind::kInteger);
  expr.integer = value;
  return made(std::move(expr));
}
ExprPtr make_number(double value) {
  Expr expr = of_kind(Expr::Kind::kNumber);
  expr.number = value;
  return made(std::move(expr));
}
ExprPtr make_duration(std::int64_t nanos) {
  Expr expr = of_kind(Expr::Kind::kDuration);
  expr.integer = nanos;
  return made(std::move(expr));
}
ExprPtr make_time(UnixNanos time) {
  Expr expr = of_kind(Expr::Kind::kTime);
  expr.integer = time;
  return made(std::move(expr));
}

std::string_view go_type_name(Expr::Kind kind) {
  switch (kind) {
    case Expr::Kind::kVariable:
      return "*influxql.VarRef";
    case Expr::Kind::kCall:
      return "*influxql.Call";
    case Expr::Kind::kBinary:
      return "*influxql.BinaryExpr";
    case Expr::Kind::kParen:
      return "*influxql.ParenExpr";
    case Expr::Kind::kWildcard:
      return "*influxql.Wildcard";
    case Expr::Kind::kRegex:
      return "*influxql.RegexLiteral";
    case Expr::Kind::kDistinct:
      return "*influxql.Distinct";
    case Expr::Kind::kNumber:
      return "*influxql.NumberLiteral";
    case Expr::Kind::kInteger:
      return "*influxql.IntegerLiteral";
    case Expr::Kind::kUnsigned:
      return "*influxql.UnsignedLiteral";
    case Expr::Kind::kString:
      return "*influxql.StringLiteral";
    case Expr::Kind::kBoolean:
      return "*influxql.BooleanLiteral";
    case Expr::Kind::kDuration:
      return "*influxql.DurationLiteral";
    case Expr::Kind::kTime:
      return "*influxql.TimeLiteral";
    case Expr::Kind::kNull:
      return "<nil>";
  }
  return "<nil>";
}

std::string quote_ident(std::string_view name) {
  bool plain = !name.empty() && !(name.front() >= '0' && name.front() <= '9') && keyword(name) == Token::kIdent;
  for (const char c : name) {
    plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
  }
  if (plain) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
  }
  return out += '"';
}

std::string to_string(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kVariable: {
      std::string out = quote_ident(expr.name);
      if (expr.type != DataType::kUnknown) out.append("::").append(data_type_name(expr.type));
      return out;
    }
    case Expr::Kind::kCall: {
      std::string out = expr.name + "(";
      for (std::size_t i = 0; i < expr.args.size(); ++i) {
        if (i > 0) out += ", ";
        out += to_string(*expr.args[i]);
      }
      return out += ")";
    }
    case Expr::Kind::kBinary:
      return to_string(expr.left()) + " " + std::string(token_name(expr.op)) + " " + to_string(expr.right());
    case Expr::Kind::kParen:
      return "(" + to_string(expr.left()) + ")";
    case Expr::Kind::kWildcard:
      return expr.op == Token::kField ? "*::field" : expr.op == Token::kTag ? "*::tag" : "*";
    case Expr::Kind::kRegex:
      return regex_text(*expr.regex);
    case Expr::Kind::kDistinct:
      return "DISTINCT " + quote_ident(expr.name);
    case Expr::Kind::kNumber:
      return fmt::format("{:.3f}", expr.number);
    case Expr::Kind::kInteger:
      return std::to_string(expr.integer);
    case Expr::Kind::kUnsigned:
      return std::to_string(expr.unsigned_integer);
    case Expr::Kind::kString:
      return quote_string(expr.name);
    case Expr::Kind::kBoolean:
      return expr.boolean ? "true" : "false";
    case Expr::Kind::kDuration:
      return format_duration(expr.integer);
    case Expr::Kind::kTime: {
      std::string out = "'";
      append_rfc3339(out, expr.integer, nullptr);
      return out += "'";
    }
    case Expr::Kind::kNull:
      return "nil";
  }
  return "";
}

DataType literal_type(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
      return DataType::kFloat;
    case Expr::Kind::kInteger:
      return DataType::kInteger;
    case Expr::Kind::kUnsigned:
      return DataType::kUnsigned;
    case Expr::Kind::kString:
      return DataType::kString;
    case Expr::Kind::kBoolean:
      return DataType::kBoolean;
    default:
      return DataType::kUnknown;
  }
}

}  // namespace resmon::influxql
