#pragma once

// The maintenance commands of resmon-server: backup, restore, check, export, import, backfill, alerts and rules.

#include <optional>

namespace resmon::server {

// The exit code of `resmon-server SUBCOMMAND …`, or nothing where argv[1] is no subcommand.
std::optional<int> run_subcommand(int argc, char** argv);

}  // namespace resmon::server
