#pragma once

#include <csignal>
#include <string>

#include "base/result.h"
#include "options.h"

namespace resmon::client {

// Samples and sends until SIGTERM or SIGINT, then sends what is left within the patience configured. Blocks.
Status run_agent(const Options& options, const std::string& version);

// One gather of every enabled collector as Influx lines on standard output. Rates need two readings: the first is taken
// `settle` before the one that is printed. kUnavailable when a collector or script failed: what the others say is
// printed all the same, and why it failed is on standard error. `explain`: instead, what the rules do to each line; it
// is the name of their file for messages, empty: not wanted.
Status print_once(const Options& options, std::chrono::milliseconds settle, const std::string& explain);

}  // namespace resmon::client
