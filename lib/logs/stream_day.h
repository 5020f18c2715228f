#pragma once

// What lines are kept by: a host's source, and the day.

#include <compare>
#include <string>

#include "logs/part.h"

namespace resmon::logs {

struct StreamDay {
  std::string host;
  std::string source;
  Day day = 0;
  auto operator<=>(const StreamDay&) const = default;
};

}  // namespace resmon::logs
