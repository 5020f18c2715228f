#pragma once

// Lines of a file of ours that cannot be read: each costs itself, is told, and is kept beside the file, where whoever
// repairs it finds it even after the file has been written anew without it.

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
