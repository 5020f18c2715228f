#pragma once

#include <string>

namespace resmon::store {

// Whether a series has a place in the store's table of series.
struct Place {
  bool known = false;   // it has one: there is something of it
  std::string refusal;  // why it would have none; empty: it has, or would
};

}  // namespace resmon::store
