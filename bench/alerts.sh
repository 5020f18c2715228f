#!/usr/bin/env bash
# Alerts: what rules cost, from a crossing to its message, a storm of silent hosts; beside Prometheus
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
exec python3 "$RESMON_ROOT/bench/alerts.py" "$@"
