#pragma once

// Whether rules hide what the page's panels and alert rules need.

#include <string>
#include <string_view>
#include <vector>

#include "rule/rule.h"

namespace resmon::rule {

struct Input {
  std::string measurement;
  std::string field;
  std::string needed_by;  // "the panel Load"
  bool alert = false;
};

// Of the page's panels and the built-in alert rules.
const std::vector<Input>& known_inputs();

// The first rule that hides a field wherever it comes from: drops it, or gives it or its measurement another name.
// Null: none does. Rules that depend on tags, values or hosts are not counted.
const Rule* hides(const Config& config, std::string_view measurement, std::string_view field);

struct Hidden {
  std::string rule;
  std::string fields;     // "cpu.usage_idle, mem.used": the first few
  std::string needed_by;  // the first few
};
// One for each rule that hides some of them.
std::vector<Hidden> hidden(const Config& config, const std::vector<Input>& inputs);

}  // namespace resmon::rule
