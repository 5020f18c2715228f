#pragma once

// What each input counts, for its rows (`internal_input`) and /metrics.

#include <span>

#include "door/door.h"
#include "metric/stat.h"

namespace resmon::door {

std::span<const metric::Stat<DoorStats>> door_stats();

}  // namespace resmon::door
