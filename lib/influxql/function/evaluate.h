#pragma once

// Values of expressions: constant folding before a query runs, and row by row while it does.

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "influxql/parse/ast.h"
#include "influxql/response.h"

namespace resmon::influxql {

// A number's whole part; INT64_MIN where that is no 64-bit integer, as in InfluxDB on this kind of machine.
std::int64_t whole_part(double value);

// 0 of what is no number.
double number_of(const Cell& cell);

bool is_math_function(std::string_view name);

// InfluxDB's arithmetic: integers divide to floats, dividing by zero gives 0, null gives null but compares as false,
// numbers of different types compare as floats, texts only for equality, and other types do not compare at all.
Cell evaluate_binary(Token op, const Cell& left, const Cell& right);
Cell evaluate_math(std::string_view function, std::span<const Cell> args);

// Folds constants. `now` and `zone` give now() and the zone of time literals; without them calls are left alone.
struct FoldContext {
  UnixNanos now = 0;
  bool has_now = false;
  const Zone* zone = nullptr;
};
ExprPtr fold(const ExprPtr& expr, const FoldContext& context);

// Options for behaviour that differs between places in InfluxDB.
struct RowRules {
  bool absent_is_false = true;  // a slot's null beside a boolean is `false`; else nothing compares with it
  bool whole_division = false;  // integers divide to integers
};

// An expression made ready to be evaluated for many rows: names are slots.
class RowExpr {
 public:
  // Says which slot a variable is, or a constant for it. A name that is neither evaluates to null.
  struct Binding {
    int slot = -1;
    Cell constant;
  };
  using Bind = std::function<Binding(const Expr& variable_or_call)>;

  RowExpr() = default;
  RowExpr(const Expr& expr, const Bind& bind, const RowRules& rules = {});

  Cell evaluate(const std::function<Cell(int slot)>& value) const;
  Cell evaluate(std::span<const Cell> slots) const;
  // Null and everything that is not `true` is false.
  bool holds(const std::function<Cell(int slot)>& value) const;
  // Whether the expression is just one slot.
  int single_slot() const { return kind_ == Kind::kSlot ? slot_ : -1; }

 private:
  enum class Kind : std::uint8_t { kConstant, kSlot, kBinary, kMatch, kMath };
  template <class Value>
  Cell run(const Value& value) const;
  Cell binary(const Cell& left, const Cell& right) const;

  Kind kind_ = Kind::kConstant;
  RowRules rules_;
  Token op_ = Token::kIllegal;
  int slot_ = -1;
  Cell constant_;
  std::string function_;
  std::shared_ptr<const Regex> regex_;
  std::vector<RowExpr> args_;
};

}  // namespace resmon::influxql
