#pragma once

// How long lines are kept, by their source. Immutable, so any thread may ask.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "logs/options.h"

namespace resmon::logs {

class RetentionRules {
 public:
  // Its rules are those of `options`, which must outlive it.
  explicit RetentionRules(const Options& options) : retain_(options.retain), rules_(options.retention) {}

  // The first whose pattern fits; null: none does.
  const Retention* rule_of(const std::string& source) const;
  // Lines of `source` from before are not shown any more. INT64_MIN: there is no bound.
  UnixNanos oldest_shown(std::string_view source, UnixNanos now) const;
  const std::vector<Retention>& rules() const { return rules_; }

 private:
  const std::chrono::seconds retain_;
  const std::vector<Retention>& rules_;
};

}  // namespace resmon::logs
