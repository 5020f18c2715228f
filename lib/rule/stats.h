#pragma once

// What each rule counts, for its rows (`internal_rule`), /metrics and JSON.

#include <span>

#include "metric/stat.h"
#include "rule/engine.h"

namespace resmon::rule {

std::span<const metric::Stat<RuleStats>> rule_stats();

}  // namespace resmon::rule
