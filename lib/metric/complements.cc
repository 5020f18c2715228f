#include "metric/complements.h"

namespace resmon::metric {

std::span<const Complement> known_complements() {
  static constexpr Complement kKnown[] = {
      {"cpu", "usage_idle", "usage_active"},
      {"mem", "available", "used"},
      {"mem", "available_percent", "used_percent"},
      {"swap", "free", "used"},
      {"disk", "free", "used"},
      {"disk", "inodes_free", "inodes_used"},
  };
  return kKnown;
}

}  // namespace resmon::metric
