#pragma once

#include "metric/value.h"

namespace resmon::metric {

constexpr bool is_number(FieldType type) {
  return type == FieldType::kFloat || type == FieldType::kInteger || type == FieldType::kUnsigned;
}

// A value as a floating-point number: a boolean is 1 or 0, a text 0.
constexpr double as_number(FieldType type, Cell cell) {
  switch (type) {
    case FieldType::kFloat:
      return as_float(cell);
    case FieldType::kInteger:
      return static_cast<double>(as_integer(cell));
    case FieldType::kUnsigned:
      return static_cast<double>(cell);
    case FieldType::kBoolean:
      return as_boolean(cell) ? 1 : 0;
    case FieldType::kString:
      break;
  }
  return 0;
}

}  // namespace resmon::metric
