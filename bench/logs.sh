#!/usr/bin/env bash
# Log lines: bytes on disk, CPU, searches, client, tail, and what they cost the samples
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
exec python3 "$RESMON_ROOT/bench/logs.py" "$@"
