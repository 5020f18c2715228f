#pragma once

// Lines of one of our files that cannot be parsed. Each is skipped, logged, and copied to a file beside it, so that it
// can be repaired even after the file has been rewritten without it.

#include <string>
#include <vector>

#include "base/result.h"

namespace resmon {

struct DamagedLine {
  int number = 0;   // in the file, from 1
  std::string why;  // repeats nothing of the line, which may be a secret
  std::string text;
};

// Adds those that are not there yet to `path`.damaged (mode 0600), which is at most 1 MiB: what is over that is not
// kept.
Status keep_damaged_lines(const std::string& path, const std::vector<DamagedLine>& lines);

}  // namespace resmon
