#pragma once

#include <cstdint>

namespace resmon::collect::testing {

// Turns the counting of operator new on this thread on, or off; returns how many there were since it was turned on.
std::uint64_t count_allocations(bool on);

}  // namespace resmon::collect::testing
