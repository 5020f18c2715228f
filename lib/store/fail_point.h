#pragma once

// Named places where a test may end the process as a kill -9 would: RESMON_STORE_FAIL_POINT="NAME:N" ends it the N-th
// time that the place is passed. Costs one comparison where it is not set.

#include <string_view>

namespace resmon::store {

void fail_point(std::string_view name);

}  // namespace resmon::store
