#pragma once

// The arithmetic of `derive`: numbers, fields, rate(FIELD), + - * / and parentheses. "rate(bytes_recv) * 8",
// "used / total * 100". Names with other characters than letters, digits, _ and . stand in double quotes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::rule {

struct Formula {
  struct Step {
    enum class Kind : std::uint8_t { kNumber, kField, kRate, kAdd, kSubtract, kMultiply, kDivide };
    Kind kind = Kind::kNumber;
    double number = 0;
    std::size_t name = 0;  // kField, kRate: which of `names`
  };
  std::vector<Step> steps;         // in postfix order
  std::vector<std::string> names;  // of the fields, each once
  bool has_rate = false;

  // kInvalid with what is wrong. The text is at most 1000 bytes.
  static Result<Formula> parse(std::string_view text);

  // `value(name, rate)` returns a field's number, or its change a second; nothing where it is absent. Nothing where one
  // is absent, or the result is no number (a division by 0).
  template <class Value>
  std::optional<double> evaluate(const Value& value) const;
};

template <class Value>
std::optional<double> Formula::evaluate(const Value& value) const {
  using Kind = Step::Kind;
  double stack[64];  // parse() bounds the depth
  std::size_t top = 0;
  for (const Step& step : steps) {
    if (step.kind == Kind::kNumber) {
      stack[top++] = step.number;
    } else if (step.kind == Kind::kField || step.kind == Kind::kRate) {
      const std::optional<double> one = value(step.name, step.kind == Kind::kRate);
      if (!one) return std::nullopt;
      stack[top++] = *one;
    } else {
      const double right = stack[--top];
      double& left = stack[top - 1];
      left = step.kind == Kind::kAdd        ? left + right
             : step.kind == Kind::kSubtract ? left - right
             : step.kind == Kind::kMultiply ? left * right
                                            : left / right;
    }
  }
  if (!(stack[0] - stack[0] == 0)) return std::nullopt;  // infinite, or not a number
  return stack[0];
}

}  // namespace resmon::rule
