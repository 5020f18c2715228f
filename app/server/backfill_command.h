#pragma once

namespace resmon::server {

// resmon-server backfill SINK --from TIME --to TIME: returns the exit code.
int run_backfill_command(int argc, char** argv);

}  // namespace resmon::server
