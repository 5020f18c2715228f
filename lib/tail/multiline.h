#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "tail/splitter.h"

namespace resmon::tail {

// What SplitOptions::continues is for a setting: "none", "indent" (continues_by_indentation), or a regular expression
// (RE2) between slashes that the first line of each event matches. kInvalid for anything else.
Result<Continues> multiline_rule(const std::string& setting);

}  // namespace resmon::tail
