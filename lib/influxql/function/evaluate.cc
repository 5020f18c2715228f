#include "influxql/function/evaluate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "influxql/parse/duration.h"
#include "influxql/parse/time_text.h"

namespace resmon::influxql {
namespace {

constexpr std::array kMathFunctions =
    std::to_array<std::string_view>({"abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor", "ln", "log",
                                     "log10", "log2", "pow", "round", "sin", "sqrt", "tan"});

// Wrapping arithmetic: overflow is defined for the numbers of the language.
std::int64_t wrap(std::uint64_t v) {
  return static_cast<std::int64_t>(v);
}
std::uint64_t bits(std::int64_t v) {
  return static_cast<std::uint64_t>(v);
}

template <class T>
Cell compare(Token op, const T& a, const T& b) {
  switch (op) {
    case Token::kEq:
      return a == b;
    case Token::kNeq:
      return a != b;
    case Token::kLt:
      return a < b;
    case Token::kLte:
      return a <= b;
    case Token::kGt:
      return a > b;
    case Token::kGte:
      return a >= b;
    default:
      return {};
  }
}

Cell floats(Token op, double a, double b) {
  switch (op) {
    case Token::kAdd:
      return a + b;
    case Token::kSub:
      return a - b;
    case Token::kMul:
      return a * b;
    case Token::kDiv:
      return b == 0 ? 0.0 : a / b;
    case Token::kMod:
      return std::fmod(a, b);
    default:
      return compare(op, a, b);
  }
}

Cell integers(Token op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case Token::kAdd:
      return wrap(bits(a) + bits(b));
    case Token::kSub:
      return wrap(bits(a) - bits(b));
    case Token::kMul:
      return wrap(bits(a) * bits(b));
    case Token::kDiv:
      return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
    case Token::kMod:
      return b == 0 || b == -1 ? std::int64_t{0} : a % b;
    case Token::kBitAnd:
      return a & b;
    case Token::kBitOr:
      return a | b;
    case Token::kBitXor:
      return a ^ b;
    default:
      return compare(op, a, b);
  }
}

Cell unsigneds(Token op, std::uint64_t a, std::uint64_t b) {
  switch (op) {
    case Token::kAdd:
      return a + b;
    case Token::kSub:
      return a - b;
    case Token::kMul:
      return a * b;
    case Token::kDiv:
      return b == 0 ? std::uint64_t{0} : a / b;
    case Token::kMod:
      return b == 0 ? std::uint64_t{0} : a % b;
    case Token::kBitAnd:
      return a & b;
    case Token::kBitOr:
      return a | b;
    case Token::kBitXor:
      return a ^ b;
    default:
      return compare(op, a, b);
  }
}

Cell booleans(Token op, bool a, bool b) {
  switch (op) {
    case Token::kAnd:
    case Token::kBitAnd:
      return a && b;
    case Token::kOr:
    case Token::kBitOr:
      return a || b;
    case Token::kBitXor:
    case Token::kNeq:
      return a != b;
    case Token::kEq:
      return a == b;
    default:
      return {};
  }
}

// Texts have no order: `<` and its kin are never true of them.
Cell texts(Token op, const std::string& a, const std::string& b) {
  if (op == Token::kEq) return a == b;
  if (op == Token::kNeq) return a != b;
  if (is_comparison(op)) return false;
  return {};
}

bool is_number(const Cell& cell) {
  return cell.index() >= 1 && cell.index() <= 3;
}

}  // namespace

std::int64_t whole_part(double value) {
  // Not true of NaN either. 2^63 itself is no int64.
  if (value >= -9'223'372'036'854'775'808.0 && value < 9'223'372'036'854'775'808.0)
    return static_cast<std::int64_t>(value);
  return INT64_MIN;
}

double number_of(const Cell& cell) {
  if (const auto* d = std::get_if<double>(&cell)) return *d;
  if (const auto* i = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*i);
  if (const auto* u = std::get_if<std::uint64_t>(&cell)) return static_cast<double>(*u);
  return 0;
}

bool is_math_function(std::string_view name) {
  return std::binary_search(kMathFunctions.begin(), kMathFunctions.end(), name);
}

Cell evaluate_binary(Token op, const Cell& left, const Cell& right) {
  static const Cell kFalse = false;
  // A missing value beside a boolean counts as false, so that `a > 1 OR missing > 1` can hold.
  const Cell& a = is_null(left) && std::holds_alternative<bool>(right) ? kFalse : left;
  const Cell& b = is_null(right) && std::holds_alternative<bool>(left) ? kFalse : right;
  if (a.index() == b.index()) {
    if (const auto* x = std::get_if<double>(&a)) return floats(op, *x, std::get<double>(b));
    if (const auto* x = std::get_if<std::int64_t>(&a)) return integers(op, *x, std::get<std::int64_t>(b));
    if (const auto* x = std::get_if<std::uint64_t>(&a)) return unsigneds(op, *x, std::get<std::uint64_t>(b));
    if (const auto* x = std::get_if<bool>(&a)) return booleans(op, *x, std::get<bool>(b));
    if (const auto* x = std::get_if<std::string>(&a)) return texts(op, *x, std::get<std::string>(b));
    if (const auto* x = std::get_if<Time>(&a)) return compare(op, x->nanos, std::get<Time>(b).nanos);
  } else if (is_number(a) && is_number(b)) {
    // A signed number that is not negative goes with an unsigned one; all else meets as floats.
    const auto* x = std::get_if<std::int64_t>(&a);
    const auto* y = std::get_if<std::int64_t>(&b);
    if (x != nullptr && *x >= 0 && std::holds_alternative<std::uint64_t>(b)) {
      return unsigneds(op, bits(*x), std::get<std::uint64_t>(b));
    }
    if (y != nullptr && *y >= 0 && std::holds_alternative<std::uint64_t>(a)) {
      return unsigneds(op, std::get<std::uint64_t>(a), bits(*y));
    }
    return floats(op, number_of(a), number_of(b));
  }
  if (is_comparison(op)) return false;
  const bool bitwise = op == Token::kBitAnd || op == Token::kBitOr || op == Token::kBitXor;
  if (bitwise && std::holds_alternative<bool>(a)) return false;
  return {};
}

Cell evaluate_math(std::string_view function, std::span<const Cell> args) {
  for (const Cell& arg : args) {
    if (!is_number(arg)) return {};
  }
  if (args.empty()) return {};
  const bool whole = !std::holds_alternative<double>(args[0]);
  if (whole && (function == "floor" || function == "ceil" || function == "round")) return args[0];
  if (function == "abs") {
    if (const auto* i = std::get_if<std::int64_t>(args.data())) return *i < 0 ? wrap(0 - bits(*i)) : *i;
    if (whole) return args[0];
  }
  const double x = number_of(args[0]);
  if (args.size() == 2) {
    const double y = number_of(args[1]);
    if (function == "atan2") return std::atan2(x, y);
    if (function == "log") return std::log(x) / std::log(y);
    if (function == "pow") {
      if (whole && !std::holds_alternative<double>(args[1])) return whole_part(std::pow(x, y));
      return std::pow(x, y);
    }
    return {};
  }
  if (function == "abs") return std::fabs(x);
  if (function == "floor") return std::floor(x);
  if (function == "ceil") return std::ceil(x);
  if (function == "round") return std::round(x);
  if (function == "sqrt") return std::sqrt(x);
  if (function == "exp") return std::exp(x);
  if (function == "ln") return std::log(x);
  if (function == "log2") return std::log2(x);
  if (function == "log10") return std::log10(x);
  if (function == "sin") return std::sin(x);
  if (function == "cos") return std::cos(x);
  if (function == "tan") return std::tan(x);
  if (function == "asin") return std::asin(x);
  if (function == "acos") return std::acos(x);
  if (function == "atan") return std::atan(x);
  return {};
}

RowExpr::RowExpr(const Expr& expr, const Bind& bind, const RowRules& rules) : rules_(rules) {
  switch (expr.kind) {
    case Expr::Kind::kParen:
      *this = RowExpr(expr.left(), bind, rules);
      return;
    case Expr::Kind::kVariable:
      break;
    case Expr::Kind::kCall:
      if (is_math_function(expr.name)) {
        kind_ = Kind::kMath;
        function_ = expr.name;
        for (const ExprPtr& arg : expr.args) args_.emplace_back(*arg, bind, rules);
        return;
      }
      break;
    case Expr::Kind::kBinary:
      if (expr.right().is(Expr::Kind::kRegex)) {
        kind_ = Kind::kMatch;
        regex_ = expr.right().regex;
        args_.emplace_back(expr.left(), bind, rules);
      } else {
        kind_ = Kind::kBinary;
        args_.emplace_back(expr.left(), bind, rules);
        args_.emplace_back(expr.right(), bind, rules);
      }
      op_ = expr.op;
      return;
    case Expr::Kind::kNumber:
      constant_ = expr.number;
      return;
    case Expr::Kind::kInteger:
      constant_ = expr.integer;
      return;
    case Expr::Kind::kUnsigned:
      constant_ = expr.unsigned_integer;
      return;
    case Expr::Kind::kString:
      constant_ = expr.name;
      return;
    case Expr::Kind::kBoolean:
      constant_ = expr.boolean;
      return;
    case Expr::Kind::kDuration:
      constant_ = expr.integer;
      return;
    case Expr::Kind::kTime:
      constant_ = Time{expr.integer};
      return;
    default:
      return;
  }
  const Binding binding = bind(expr);
  if (binding.slot >= 0) {
    kind_ = Kind::kSlot;
    slot_ = binding.slot;
  } else {
    constant_ = binding.constant;
  }
}

Cell RowExpr::binary(const Cell& left, const Cell& right) const {
  if (!rules_.absent_is_false) {
    const auto absent = [](const RowExpr& side, const Cell& cell) {
      return side.kind_ == Kind::kSlot && is_null(cell);
    };
    if (absent(args_[0], left) || absent(args_[1], right)) return is_comparison(op_) ? Cell(false) : Cell();
  }
  if (rules_.whole_division && op_ == Token::kDiv) {
    const auto* a = std::get_if<std::int64_t>(&left);
    const auto* b = std::get_if<std::int64_t>(&right);
    if (a != nullptr && b != nullptr) return *b == 0 ? 0 : *b == -1 ? wrap(0 - bits(*a)) : *a / *b;
  }
  return evaluate_binary(op_, left, right);
}

template <class Value>
Cell RowExpr::run(const Value& value) const {
  switch (kind_) {
    case Kind::kConstant:
      return constant_;
    case Kind::kSlot:
      return value(slot_);
    case Kind::kBinary: {
      // The right side is skipped if the left side decides alone: conditions are long chains of AND and OR.
      const Cell left = args_[0].run(value);
      if (const auto* decided = std::get_if<bool>(&left)) {
        if (op_ == Token::kAnd && !*decided) return false;
        if (op_ == Token::kOr && *decided) return true;
      }
      return binary(left, args_[1].run(value));
    }
    case Kind::kMatch: {
      const Cell left = args_[0].run(value);
      const auto* text = std::get_if<std::string>(&left);
      if (text == nullptr) return false;
      return regex_->matches(*text) == (op_ == Token::kEqRegex);
    }
    case Kind::kMath: {
      std::array<Cell, 2> args;
      const std::size_t n = std::min(args_.size(), args.size());
      for (std::size_t i = 0; i < n; ++i) args[i] = args_[i].run(value);
      return evaluate_math(function_, {args.data(), n});
    }
  }
  return {};
}

Cell RowExpr::evaluate(const std::function<Cell(int slot)>& value) const {
  return run(value);
}
Cell RowExpr::evaluate(std::span<const Cell> slots) const {
  return run([&](int slot) -> const Cell& { return slots[static_cast<std::size_t>(slot)]; });
}
bool RowExpr::holds(const std::function<Cell(int slot)>& value) const {
  const Cell result = run(value);
  const auto* truth = std::get_if<bool>(&result);
  return truth != nullptr && *truth;
}

}  // namespace resmon::influxql
