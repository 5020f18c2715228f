#pragma once

// What a rule's condition says of an alert, from the tracks of its series and of its host. Changes nothing.

#include <cstdint>
#include <optional>

#include "alert/alert.h"
#include "alert/rule_set.h"

namespace resmon::alert {

enum class Truth : std::uint8_t { kFalse, kTrue, kUnknown };

class Judge {
 public:
  // `rules` must outlive the judge.
  explicit Judge(const RuleSet& rules) : rules_(rules) {}

  // Whether `when` of the alert's rule holds, with the limit of its host. Unknown: values are missing.
  Truth holds(const Alert& alert) const;
  // Whether an alert that fires is over, by the rule's `clear`.
  Truth cleared(const Alert& alert) const;
  // The first comparison of the alert's own series that holds, of a `when` that does.
  std::uint32_t first_true(const Alert& alert) const;
  // Of the alert's comparison, now. Nothing: not known, or a text.
  std::optional<double> shown_value(const Alert& alert) const;

 private:
  // `first_limit`: of the first comparison, in place of its own.
  Truth truth(const Alert& alert, const Condition& condition, std::optional<double> first_limit) const;
  Truth compare(const Alert& alert, const Comparison& comparison, double limit) const;
  Truth compare_sides(const Alert& alert, const Comparison& comparison, double limit) const;
  Truth compare(const Alert& alert, const Comparison& comparison, const Track& track, const Track* divisor,
                double limit) const;
  std::optional<double> value_of(const Alert& alert, std::uint32_t operand, const Track& track) const;

  const RuleSet& rules_;
};

}  // namespace resmon::alert
