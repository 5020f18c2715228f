#include "logs/retention.h"

#include <fnmatch.h>

namespace resmon::logs {

const Retention* RetentionRules::rule_of(const std::string& source) const {
  for (const Retention& rule : rules_)
    if (::fnmatch(rule.source.c_str(), source.c_str(), 0) == 0) return &rule;
  return nullptr;
}

UnixNanos RetentionRules::oldest_shown(std::string_view source, UnixNanos now) const {
  const Retention* const rule = rule_of(std::string(source));
  const std::chrono::seconds retain = rule != nullptr ? rule->retain : retain_;
  return retain.count() == 0 ? INT64_MIN : now - std::chrono::nanoseconds(retain).count();
}

}  // namespace resmon::logs
