# The C++ build: configure once, let ninja find out what is old, one line of progress, the log on failure.
# shellcheck shell=bash
use process

# What one checkout compiled is another's as well.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$RESMON_ROOT} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-true}

# run_watched LOG TITLE COMMAND…: COMMAND in a session of its own so that an interrupted caller can end all of it, its output in
# LOG, its progress ([12/345] as ninja prints it) on one line. Returns its status.
run_watched() {
  local log=$1 title=$2 began=$SECONDS shown=0 pid status=0
  shift 2
  : >"$log"
  setsid -- "$@" </dev/null >>"$log" 2>&1 &
  pid=$!
  progress "$title…"
  while process_start "$pid" >/dev/null; do
    sleep 0.2
    [[ -t 2 ]] || ((SECONDS - began >= shown + 30)) || continue
    shown=$((SECONDS - began))
    progress "$title… $(ninja_at "$log")${shown} s"
  done
  wait "$pid" || status=$?
  progress_end
  return "$status"
}

# ninja_at LOG: "[12/345] " as ninja said it last; nothing before it did.
ninja_at() { tail -c 4096 -- "$1" | tr '\r' '\n' | sed -n 's/^\(\[[0-9]*\/[0-9]*\]\).*/\1 /p' | tail -n 1 | tr -d '\n'; }

# A compile of the slow headers takes about 1.2 GB; more jobs than fit would swap or be killed.
build_jobs() {
  local cores memory_kib fit
  cores=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  fit=$((${memory_kib:-2000000} / 1200000))
  ((fit >= 1)) || fit=1
  printf '%s' "$((cores < fit ? cores : fit))"
}

# build PRESET DIRECTORY LOG [TARGET…]: configures when that was not done, and builds; shows why and fails when it cannot.
build() {
  local preset=$1 directory=$2 log=$3 target
  local -a targets=()
  shift 3
  for target in "$@"; do targets+=(--target "$target"); done
  mkdir -p -- "${log%/*}"
  if [[ ! -e $directory/build.ninja ]]; then
    run_watched "$log" "configuring the build" cmake -S "$RESMON_ROOT" --preset "$preset" -B "$directory" || {
      tail_of "$log" 30
      say "the build cannot be configured; the whole output: $log"
      return 1
    }
  fi
  local began=$SECONDS
  if ! run_watched "$log" "building" cmake --build "$directory" --parallel "$(build_jobs)" "${targets[@]}"; then
    grep -nE '(error|Error|FAILED|fatal)' -- "$log" | head -n 20 | tr -d '\000-\010\013-\037\177' | sed 's/^/  | /' >&2 || true
    tail_of "$log" 30
    say "the build failed; the whole output: $log"
    return 1
  fi
  ((SECONDS - began < 3)) || say "built in $((SECONDS - began)) s"
}

# need_binaries [NO_BUILD]: the three programs are there and current, or say why not.
need_binaries() {
  local program
  if [[ -z ${1-} && -z ${RESMON_NO_BUILD-} ]]; then
    build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" resmon-server resmon-client resmon-load ||
      die failed "resmon is not built"
  fi
  for program in server client load; do
    [[ -x $RESMON_BUILD_DIR/bin/resmon-$program ]] ||
      die failed "$RESMON_BUILD_DIR/bin/resmon-$program is not there" "'./resmon up' builds it"
  done
}
