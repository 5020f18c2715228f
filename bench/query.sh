#!/usr/bin/env bash
# Queries: latency beside InfluxDB and VictoriaMetrics on the same data
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
use process packages build
if [[ -z ${RESMON_NO_INSTALL-} ]]; then install_packages influxdb bench-stores; fi
if [[ -z ${RESMON_NO_BUILD-} ]]; then
  build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" bench-dataset || die failed "bench-dataset is not built"
fi
exec python3 "$RESMON_ROOT/bench/query.py" "$@"
