#!/usr/bin/env bash
# Durable ingest: samples per second, CPU, latency of acknowledgements, memory per connection, bytes on the wire
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
exec python3 "$RESMON_ROOT/bench/ingest.py" "$@"
