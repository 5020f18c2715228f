#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace resmon::notify {

// Runs a program with `input` on its standard input and waits for it, `timeout` at most; then it is ended, with its
// children. Its environment has PATH, HOME and what `environment` names ("NAME=value"). kUnavailable: it could not be
// started, took too long, or ended with another code than 0; the text has the end of what it printed. Blocks.
Status run_program(const std::vector<std::string>& command, const std::string& input,
                   const std::vector<std::string>& environment, std::chrono::nanoseconds timeout);

}  // namespace resmon::notify
