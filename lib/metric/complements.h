#pragma once

// Which numbers of the schema (docs/schema.md) are counted from one whole, so that what one gains the other loses.

#include <span>
#include <string_view>

namespace resmon::metric {

struct Complement {
  std::string_view measurement;
  std::string_view a;  // names of fields
  std::string_view b;
};

// All that are known. A pair that does not hold on some machine costs whoever relies on it bytes and nothing else.
std::span<const Complement> known_complements();

}  // namespace resmon::metric
