#pragma once

// Named places where a test may end the process as a kill -9 would. A program that sets no hook passes them at the
// cost of one comparison, and nothing from outside can set one.

#include <string_view>

namespace resmon::store {

// Called with the name of each place that is passed, on the thread that passes it. Set it before a store is opened.
inline void (*fail_point_hook)(std::string_view name) = nullptr;

inline void fail_point(std::string_view name) {
  if (fail_point_hook != nullptr) fail_point_hook(name);
}

}  // namespace resmon::store
