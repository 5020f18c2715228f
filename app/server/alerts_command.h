#pragma once

namespace resmon::server {

// resmon-server alerts test RULE: when the rule would have fired in the stored history, read beside a running server.
// `argv[0]` is the subcommand. Returns an exit code.
int run_alerts_command(int argc, char** argv);

}  // namespace resmon::server
