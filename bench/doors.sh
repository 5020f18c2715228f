#!/usr/bin/env bash
# Line protocol over TCP at 1, 10 and 1,000 connections, beside VictoriaMetrics and InfluxDB
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
exec python3 "$RESMON_ROOT/bench/doors.py" "$@"
