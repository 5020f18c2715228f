#pragma once

// Adds tokens to the token file (net/token_set.h reads it).

#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::net {

// Adds the line `token name` at the end of the file, which keeps its permissions, and replaces it as a whole, under the
// lock file beside it. `token` is valid for the client of that name only. kInvalid: no line can have this name. kLimit:
// the file would be larger than the server reads.
Status add_bound_token(const std::string& path, std::string_view token, std::string_view name);

}  // namespace resmon::net
