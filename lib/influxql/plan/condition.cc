#include "influxql/plan/condition.h"

#include <algorithm>

#include "influxql/parse/time_text.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

bool is_time(const Expr& e) {
  if (!e.is(Kind::kVariable) || e.name.size() != 4) return false;
  constexpr std::string_view kTime = "time";
  for (std::size_t i = 0; i < 4; ++i) {
    if ((e.name[i] | 0x20) != kTime[i]) return false;
  }
  return true;
}

Token mirrored(Token op) {
  switch (op) {
    case Token::kLt:
      return Token::kGt;
    case Token::kLte:
      return Token::kGte;
    case Token::kGt:
      return Token::kLt;
    case Token::kGte:
      return Token::kLte;
    default:
      return op;
  }
}

Result<Condition> time_bound(Token op, const ExprPtr& side, const FoldContext& context) {
  ExprPtr value = side;
  if (value->is(Kind::kString) && looks_like_time(value->name)) {
    const auto parsed = parse_time(value->name, context.zone);
    if (!parsed) return fail(ErrorKind::kInvalid, "invalid timestamp string");
    const auto limit = [&](std::string_view what) {
      const Civil c = civil_from_unix(parsed->seconds);
      std::string text = std::to_string(c.year);
      return fail(ErrorKind::kInvalid, "time " + text.insert(0, text.size() < 4 ? 4 - text.size() : 0, '0') +
                                           value->name.substr(4) + (value->name.size() == 10 ? "T00:00:00Z" : "") +
                                           " " + std::string(what) + " time literal");
    };
    if (parsed->seconds > 9'223'372'035) return limit("overflows");
    if (parsed->seconds < -9'223'372'035) return limit("underflows");
    value = make_time(parsed->seconds * 1'000'000'000 + parsed->nanos);
  }
  value = fold(value, context);
  UnixNanos at = 0;
  switch (value->kind) {
    case Kind::kTime:
    case Kind::kDuration:
    case Kind::kInteger:
      at = value->integer;
      break;
    case Kind::kNumber:
      at = value->number >= 9.2e18 ? kMaxTime : value->number <= -9.2e18 ? kMinTime : whole_part(value->number);
      break;
    default:
      return fail(ErrorKind::kInvalid,
                  "invalid operation: time and " + std::string(go_type_name(value->kind)) + " are not compatible");
  }
  at = std::clamp(at, kMinTime, kMaxTime);
  Condition out;
  switch (op) {
    case Token::kGt:
      out.min = at + 1;
      break;
    case Token::kGte:
      out.min = at;
      break;
    case Token::kLt:
      out.max = at - 1;
      break;
    case Token::kLte:
      out.max = at;
      break;
    case Token::kEq:
      out.min = out.max = at;
      break;
    default:
      return fail(ErrorKind::kInvalid, "invalid time comparison operator: " + std::string(token_name(op)));
  }
  return out;
}

Result<Condition> split(const ExprPtr& expr, const FoldContext& context) {
  switch (expr->kind) {
    case Kind::kBinary: {
      if (expr->op == Token::kAnd || expr->op == Token::kOr) {
        RESMON_ASSIGN(Condition a, split(expr->args[0], context));
        RESMON_ASSIGN(Condition b, split(expr->args[1], context));
        if (b.min) a.min = a.min ? std::max(*a.min, *b.min) : *b.min;
        if (b.max) a.max = a.max ? std::min(*a.max, *b.max) : *b.max;
        if (a.rest == nullptr) {
          a.rest = b.rest;
        } else if (b.rest != nullptr) {
          a.rest = fold(make_binary(expr->op, a.rest, b.rest), {});
        }
        return a;
      }
      if (is_time(expr->left())) return time_bound(expr->op, expr->args[1], context);
      if (is_time(expr->right())) return time_bound(mirrored(expr->op), expr->args[0], context);
      Condition out;
      out.rest = fold(expr, context);
      return out;
    }
    case Kind::kParen: {
      RESMON_ASSIGN(Condition inner, split(expr->args[0], context));
      if (inner.rest != nullptr) inner.rest = fold(make_paren(inner.rest), {});
      return inner;
    }
    case Kind::kBoolean: {
      Condition out;
      out.rest = expr;
      return out;
    }
    default:
      return fail(ErrorKind::kInvalid, "invalid condition expression: " + to_string(*expr));
  }
}

}  // namespace

Result<Condition> split_condition(const ExprPtr& expr, const FoldContext& context) {
  if (expr == nullptr) return Condition{};
  return split(expr, context);
}

}  // namespace resmon::influxql
