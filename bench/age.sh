#!/usr/bin/env bash
# A store that is a year old beside one of a week: start, memory, a day's page, how long a write waits
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
export RESMON_BUILD_DIR
use process packages build
for argument; do
  [[ $argument != -h && $argument != --help ]] || exec python3 "$RESMON_ROOT/bench/age.py" --help
done
[[ -n ${RESMON_NO_BUILD-} ]] || build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" store-bench bench-dataset ||
  die failed "the benchmark is not built"
exec python3 "$RESMON_ROOT/bench/age.py" "$@"
