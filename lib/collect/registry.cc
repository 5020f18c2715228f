#include "collect/collectors.h"

namespace resmon::collect {

const std::vector<CollectorInfo>& registry() {
#define RESMON_ENTRY(name, description, filters, apart) \
  {#name, description, filters, std::chrono::seconds(apart), make_##name},
  static const std::vector<CollectorInfo> kCollectors = {RESMON_COLLECTORS(RESMON_ENTRY)};
#undef RESMON_ENTRY
  return kCollectors;
}

}  // namespace resmon::collect
