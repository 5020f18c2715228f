#pragma once

// Conditions on a row's values: "usage_idle < 5", "state = running", "name =~ /^veth/", "usage_* > 90".

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metric/value.h"
#include "rule/pattern.h"

namespace resmon::rule {

struct Condition {
  enum class Operator : std::uint8_t { kLess, kAtMost, kGreater, kAtLeast, kEqual, kUnequal, kMatch, kNoMatch };

  Pattern field;  // it holds if it holds for one of the fields that match
  Operator op = Operator::kEqual;
  bool numeric = false;
  double number = 0;  // true and false are 1 and 0
  std::string text;
  Pattern pattern;

  static Result<Condition> parse(std::string_view text);
  // Whether it holds for a value that is there. A text is never less or greater than something.
  bool holds(metric::FieldType type, metric::Cell cell, std::string_view arena) const;
};

}  // namespace resmon::rule
