#pragma once

namespace resmon::server {

// `resmon-server rules explain`; the exit code.
int run_rules_command(int argc, char** argv);

}  // namespace resmon::server
