#pragma once

#include "base/result.h"

namespace resmon {

// The exit codes of all programs of the project.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,          // the command line is wrong
  kExitConfiguration = 3,  // a configuration file or environment variable is wrong
  kExitConnection = 4,     // could not connect
  kExitDamaged = 5,        // stored data is damaged
};

}  // namespace resmon
