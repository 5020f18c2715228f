#pragma once

#include <string>
#include <vector>

#include "generator.h"

namespace resmon::oracle {

struct Generator::Table {
  std::string name;
  std::vector<std::string> tags;
  std::vector<std::string> numbers;
  std::vector<std::string> others;  // strings and booleans
};

}  // namespace resmon::oracle
