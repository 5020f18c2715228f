#!/usr/bin/env bash
# The embedded store beside VictoriaMetrics and InfluxDB: bytes a sample, ingest, start, memory
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
use process packages build
export RESMON_BUILD_DIR
for argument; do
  [[ $argument != -h && $argument != --help ]] || exec python3 "$RESMON_ROOT/bench/store.py" --help
done
[[ -n ${RESMON_NO_BUILD-} ]] || build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" store-bench bench-dataset ||
  die failed "the benchmark is not built"
exec python3 "$RESMON_ROOT/bench/store.py" "$@"
