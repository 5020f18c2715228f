#include "rule/condition.h"

#include <charconv>

#include "metric/number.h"

namespace resmon::rule {

namespace {

using Operator = Condition::Operator;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

struct Named {
  std::string_view word;
  Operator op;
};
// The longer ones first.
constexpr Named kOperators[] = {{"<=", Operator::kAtMost}, {">=", Operator::kAtLeast}, {"!=", Operator::kUnequal},
                                {"=~", Operator::kMatch},  {"!~", Operator::kNoMatch}, {"==", Operator::kEqual},
                                {"<", Operator::kLess},    {">", Operator::kGreater},  {"=", Operator::kEqual}};

}  // namespace

Result<Condition> Condition::parse(std::string_view text) {
  const auto wrong = [&](const std::string& reason) {
    return fail(ErrorKind::kInvalid, "'" + std::string(text.substr(0, 200)) + "': " + reason);
  };
  const std::size_t at = text.find_first_of("<>=!");
  if (at == std::string_view::npos || at == 0)
    return wrong("must be FIELD, an operator (< <= > >= = != =~ !~) and a value");
  Condition out;
  const Named* named = nullptr;
  for (const Named& one : kOperators)
    if (named == nullptr && text.substr(at).starts_with(one.word)) named = &one;
  if (named == nullptr) return wrong("the operators are < <= > >= = != =~ !~");
  out.op = named->op;
  RESMON_ASSIGN(out.field, Pattern::make(trimmed(text.substr(0, at))));
  std::string_view value = trimmed(text.substr(at + named->word.size()));
  if (value.empty()) return wrong("the value is missing");
  if (out.op == Operator::kMatch || out.op == Operator::kNoMatch) {
    RESMON_ASSIGN(out.pattern, Pattern::make(value));
    return out;
  }
  if (value.size() > 1 && value.front() == '"' && value.back() == '"') {
    out.text = value.substr(1, value.size() - 2);
  } else if (value == "true" || value == "false") {
    out.numeric = true;
    out.number = value == "true" ? 1 : 0;
  } else {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.number);
    out.numeric = error == std::errc() && end == value.data() + value.size();
    if (!out.numeric) out.text = value;
  }
  if (!out.numeric && out.op != Operator::kEqual && out.op != Operator::kUnequal)
    return wrong("only a number can be less or greater");
  return out;
}

bool Condition::holds(metric::FieldType type, metric::Cell cell, std::string_view arena) const {
  const bool string = type == metric::FieldType::kString;
  if (op == Operator::kMatch || op == Operator::kNoMatch)
    return string && pattern.matches(metric::as_string(cell, arena)) == (op == Operator::kMatch);
  if (string || !numeric) {
    const bool equal = string && !numeric && metric::as_string(cell, arena) == text;
    return op == Operator::kEqual ? equal : op == Operator::kUnequal && !equal;
  }
  const double value = metric::as_number(type, cell);
  switch (op) {
    case Operator::kLess:
      return value < number;
    case Operator::kAtMost:
      return value <= number;
    case Operator::kGreater:
      return value > number;
    case Operator::kAtLeast:
      return value >= number;
    case Operator::kEqual:
      return value == number;
    default:
      return value != number;
  }
}

}  // namespace resmon::rule
