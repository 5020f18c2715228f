#!/usr/bin/env bash
# Hostile senders: latency of 100 clients and 10 viewers of the page, without and beside them
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
exec python3 "$RESMON_ROOT/bench/hostile.py" "$@"
