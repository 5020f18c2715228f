#include "influxql/plan/types.h"

#include <string>

#include "influxql/function/evaluate.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

bool is_whole(DataType type) {
  return type == DataType::kInteger || type == DataType::kUnsigned;
}
bool is_bitwise(Token op) {
  return op == Token::kBitAnd || op == Token::kBitOr || op == Token::kBitXor;
}

Unexpected<Error> type_error(const Expr& expr, const std::string& message) {
  return fail(ErrorKind::kInvalid, "type error: " + to_string(expr) + ": " + message);
}

// Signed and unsigned numbers meet only where the signed one is written out.
Status check_signs(const Expr& expr, DataType left, DataType right) {
  if (!is_whole(left) || !is_whole(right) || left == right) return {};
  const std::string op(token_name(expr.op));
  const Expr& signed_side = left == DataType::kInteger ? expr.left() : expr.right();
  const Expr& unsigned_side = left == DataType::kInteger ? expr.right() : expr.left();
  if (unsigned_side.is_literal()) return type_error(expr, "cannot use " + op + " with an integer and unsigned literal");
  if (signed_side.is_literal()) return {};
  return type_error(expr, "cannot use " + op + " between an integer and unsigned, an explicit cast is required");
}

Result<DataType> binary(const Expr& expr) {
  RESMON_ASSIGN(const DataType left, check_types(expr.left()));
  RESMON_ASSIGN(const DataType right, check_types(expr.right()));
  RESMON_TRY(check_signs(expr, left, right));
  if (left == DataType::kUnknown) return right;
  if (right == DataType::kUnknown) return left;
  // Beside anything but a boolean it is false.
  if (left == DataType::kBoolean && is_bitwise(expr.op)) return left;
  if (is_whole(left) && is_whole(right)) return left == right ? left : DataType::kUnsigned;
  if (is_number(left) && is_number(right) && !is_bitwise(expr.op)) return DataType::kFloat;
  return type_error(
      expr, "incompatible types: " + std::string(data_type_name(left)) + " and " + std::string(data_type_name(right)));
}

Result<DataType> call(const Expr& expr) {
  DataType first = DataType::kUnknown;
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    RESMON_ASSIGN(const DataType type, check_types(*expr.args[i]));
    if (i == 0) first = type;
  }
  if (expr.name == "count" || expr.name == "elapsed") return DataType::kInteger;
  for (const std::string_view same :
       {"sum", "min", "max", "first", "last", "mode", "spread", "percentile", "sample", "distinct", "top", "bottom",
        "difference", "non_negative_difference", "cumulative_sum"}) {
    if (expr.name == same) return first;
  }
  // Mathematics has the type of what it is given here, whatever comes out of it.
  return is_math_function(expr.name) ? first : DataType::kFloat;
}

}  // namespace

Result<DataType> check_types(const Expr& expr) {
  switch (expr.kind) {
    case Kind::kVariable:
      return expr.type;
    case Kind::kCall:
      return call(expr);
    case Kind::kBinary:
      return binary(expr);
    case Kind::kParen:
      return check_types(expr.left());
    default:
      return literal_type(expr);
  }
}

}  // namespace resmon::influxql
