#pragma once

// Finds the files of lines at a start.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "logs/part.h"
#include "logs/stream_day.h"

namespace resmon::logs {

// Gives every file of the directory to `take`, those of a stream and day in order of number. A file that cannot be read
// is named in the log and left where it is; how many are damaged. What a write left unfinished is removed.
Result<std::uint64_t> load_parts(const std::string& directory,
                                 const std::function<void(const StreamDay&, std::shared_ptr<Part>)>& take);

}  // namespace resmon::logs
