#include <cmath>

#include "influxql/function/evaluate.h"
#include "influxql/parse/time_text.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

bool foldable_number(const Expr& e) {
  return e.is(Kind::kNumber) || e.is(Kind::kInteger) || e.is(Kind::kUnsigned);
}

Cell cell_of(const Expr& e) {
  switch (e.kind) {
    case Kind::kNumber:
      return e.number;
    case Kind::kInteger:
      return e.integer;
    case Kind::kUnsigned:
      return e.unsigned_integer;
    case Kind::kBoolean:
      return e.boolean;
    case Kind::kString:
      return e.name;
    default:
      return {};
  }
}

ExprPtr literal_of(const Cell& cell) {
  if (const auto* d = std::get_if<double>(&cell)) return make_number(*d);
  if (const auto* i = std::get_if<std::int64_t>(&cell)) return make_integer(*i);
  if (const auto* b = std::get_if<bool>(&cell)) return make_boolean(*b);
  if (const auto* u = std::get_if<std::uint64_t>(&cell)) {
    Expr expr;
    expr.kind = Kind::kUnsigned;
    expr.unsigned_integer = *u;
    return std::make_shared<const Expr>(std::move(expr));
  }
  return nullptr;
}

std::int64_t add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t negated(std::int64_t a) {
  return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(a));
}

// A duration or time counts in nanoseconds when it meets a whole number.
ExprPtr fold_times(Token op, const Expr& a, const Expr& b) {
  const bool plus = op == Token::kAdd;
  const bool minus = op == Token::kSub;
  const bool b_span = b.is(Kind::kDuration) || b.is(Kind::kInteger);
  if (a.is(Kind::kTime)) {
    if (b.is(Kind::kTime)) {
      if (minus) return make_duration(add(a.integer, negated(b.integer)));
      return literal_of(evaluate_binary(op, Time{a.integer}, Time{b.integer}));
    }
    if (b_span && (plus || minus)) return make_time(add(a.integer, plus ? b.integer : negated(b.integer)));
    return nullptr;
  }
  if (b.is(Kind::kTime)) {
    return plus && (a.is(Kind::kDuration) || a.is(Kind::kInteger)) ? make_time(add(a.integer, b.integer)) : nullptr;
  }
  if (a.is(Kind::kDuration) && b.is(Kind::kDuration)) {
    if (plus || minus) return make_duration(add(a.integer, plus ? b.integer : negated(b.integer)));
    return literal_of(evaluate_binary(op, a.integer, b.integer));
  }
  if (a.is(Kind::kDuration) && foldable_number(b)) {
    if (b.is(Kind::kInteger) && (plus || minus))
      return make_duration(add(a.integer, plus ? b.integer : negated(b.integer)));
    const double factor = b.is(Kind::kNumber) ? b.number : static_cast<double>(b.integer);
    double result = 0;
    if (op == Token::kMul) {
      result = static_cast<double>(a.integer) * factor;
    } else if (op == Token::kDiv) {
      result = factor == 0 ? 0 : static_cast<double>(a.integer) / factor;
    } else {
      return nullptr;
    }
    if (!(std::fabs(result) < 9.2e18)) return nullptr;
    return make_duration(static_cast<std::int64_t>(result));
  }
  if (a.is(Kind::kInteger) && b.is(Kind::kDuration)) {
    if (plus || minus) return make_duration(add(a.integer, plus ? b.integer : negated(b.integer)));
    return nullptr;
  }
  return nullptr;
}

ExprPtr fold_binary(const ExprPtr& expr, const FoldContext& context) {
  ExprPtr a = fold(expr->args[0], context);
  ExprPtr b = fold(expr->args[1], context);
  const Token op = expr->op;
  // A text that is a date beside a duration or a time is that date.
  const auto to_time = [&](ExprPtr& side, const Expr& other) {
    if (!side->is(Kind::kString) || (!other.is(Kind::kDuration) && !other.is(Kind::kTime))) return;
    if (const auto t = parse_time(side->name, context.zone); looks_like_time(side->name) && t) {
      if (std::abs(t->seconds) < 9'200'000'000) side = make_time(t->seconds * 1'000'000'000 + t->nanos);
    }
  };
  to_time(a, *b);
  to_time(b, *a);

  if (op == Token::kAnd || op == Token::kOr) {
    const bool absorbing = op == Token::kOr;
    for (const auto& [side, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      if (!(*side)->is(Kind::kBoolean)) continue;
      return (*side)->boolean == absorbing ? *side : *other;
    }
  } else if ((foldable_number(*a) && foldable_number(*b)) || (a->is(Kind::kString) && b->is(Kind::kString)) ||
             (a->is(Kind::kBoolean) && b->is(Kind::kBoolean))) {
    if (a->is(Kind::kString) && op == Token::kAdd) {
      Expr joined = *a;
      joined.name += b->name;
      return std::make_shared<const Expr>(std::move(joined));
    }
    if (ExprPtr folded = literal_of(evaluate_binary(op, cell_of(*a), cell_of(*b)))) return folded;
  } else if (ExprPtr folded = fold_times(op, *a, *b)) {
    return folded;
  }
  if (a == expr->args[0] && b == expr->args[1]) return expr;
  return make_binary(op, std::move(a), std::move(b));
}

}  // namespace

ExprPtr fold(const ExprPtr& expr, const FoldContext& context) {
  switch (expr->kind) {
    case Kind::kBinary:
      return fold_binary(expr, context);
    case Kind::kParen: {
      ExprPtr inner = fold(expr->args[0], context);
      if (inner->is(Kind::kBinary)) return inner == expr->args[0] ? expr : make_paren(std::move(inner));
      return inner;
    }
    case Kind::kCall: {
      if (expr->name == "now" && expr->args.empty()) return context.has_now ? make_time(context.now) : expr;
      std::vector<ExprPtr> args;
      args.reserve(expr->args.size());
      bool changed = false;
      for (const ExprPtr& arg : expr->args) {
        args.push_back(fold(arg, context));
        changed = changed || args.back() != arg;
      }
      if (is_math_function(expr->name) && context.has_now) {
        std::vector<Cell> cells;
        for (const ExprPtr& arg : args) {
          if (!foldable_number(*arg)) break;
          cells.push_back(cell_of(*arg));
        }
        if (cells.size() == args.size() && !cells.empty()) {
          if (ExprPtr folded = literal_of(evaluate_math(expr->name, cells))) return folded;
        }
      }
      return changed ? make_call(expr->name, std::move(args)) : expr;
    }
    default:
      return expr;
  }
}

}  // namespace resmon::influxql
