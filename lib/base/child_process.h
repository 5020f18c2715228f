#pragma once

// Starts a program whose output is read without blocking.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace resmon {

struct ChildProcess {
  pid_t id = -1;        // and of the group that is its own
  int output = -1;      // reading ends, non-blocking; the caller closes them
  int complaints = -1;  // standard error
};

// Where a program begins: "/", so that it keeps no file system from being unmounted, or where this process is.
enum class ChildFolder { kRoot, kOurs };

// `words`: the program first, found on PATH when it has no slash. `environment`: NAME=VALUE, the whole of it. The
// program has nothing open but its three standard files, no standard input, and ends with this process. One that cannot
// be run says why on its standard error, and ends with 126 or 127.
Result<ChildProcess> start_child(const std::vector<std::string>& words, const std::vector<std::string>& environment,
                                 ChildFolder folder);

}  // namespace resmon
