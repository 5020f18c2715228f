# Runs the tests
# shellcheck shell=bash
use process packages build suites house sysroot

# One line a suite: name, whether `./resmon test` runs it without being asked, time limit in seconds, package sections (A,B) beyond
# [base], [build], [node] and [test] (or -), what is built first (a preset or -), runner:argument, what it is.
suites_table() {
  cat <<'TABLE'
lint       default  600  format       -        lint:tests/lint           shellcheck, shfmt, clang-format, layers, uses, names, links
bats       default 1800  -         -        beside:tests/bats:2       this command line, with stand-ins for the programs
unit       default 1200  -         release  ctest:release             every library's own tests
e2e        default 1200  -         release  labelled:e2e              the real programs together
influxdb   default  600  influxdb  release  labelled:influxdb         Debian's InfluxDB as a store
browser    default  900  browser   release  beside:tests/browser:1    the page in Debian's chromium
oracle     default  900  influxdb  release  labelled:oracle           the same data and queries here and in InfluxDB
proxies    default  300  proxies      release  directory:tests/proxies     nginx, Caddy, Apache, HAProxy as docs/proxies.md has them
prometheus default  600  prometheus release  beside:tests/prometheus:2  Debian's Prometheus and node exporter on each door
dashboards default  300  influxdb  release  beside:tests/dashboards:2  schema, forms, every query against both stores, Flux compiled
chaos      default 3000  influxdb  release  beside:tests/chaos:1      kill -9, cut networks, full disks, power cuts
asan       default 3000  fuzz      asan     sanitized:asan            unit and end-to-end tests, address and UB sanitizers
tsan       default 3000  -         tsan     sanitized:tsan            those with threads in them under the thread sanitizer
fuzz       default 1800  fuzz      asan     fuzz:asan                 each fuzz target for a short while
scale      asked   1200  influxdb,proxies,bench-stores release directory:tests/scale   HAProxy, two servers, two databases, broken at random
docker     asked   3000  container,docker - directory:tests/docker    docker compose
container  asked   5400  container -        directory:tests/container both commands in a clean Debian
packages   asked   1500  packages,container release  directory:tests/packages  the Debian packages: lintian, and life in a clean Debian
static     default 300  static        release  directory:tests/static      the static client alone in a root, over TLS to a name
speed      asked    900 speed     release  directory:tests/speed       instructions of the hot paths beside those that are recorded
arm64      asked   5400 release       -        arm64:arm64            the client's libraries on 64-bit ARM, under qemu-user-static
deploy     asked    600  deploy    release  directory:tests/deploy    deploying over ssh to machines made of namespaces
TABLE
}

usage() {
  cat <<'TEXT'
Usage: ./resmon test [SUITE]…

Installs the packages that the tests need, builds, runs the suites and ends
with one line: N passed, N failed, N skipped if any were, and N unsteady: of
those that passed, how many failed before they were repeated alone. Without a
SUITE it runs those marked with *.

Suites:
TEXT
  local name when words
  while read -r name when _ _ _ _ words; do
    [[ $when == default ]] && when='*' || when=' '
    printf '  %s %-10s %s\n' "$when" "$name" "$words"
  done < <(suites_table)
  cat <<'TEXT'

Options:
  --list       print the names of the suites marked with *
  -h, --help   this text

Environment:
  RESMON_FUZZ_SECONDS   how long each fuzz target runs; default 5
  RESMON_CHAOS_SECONDS  how long faults are injected; default 60
  RESMON_CHAOS_SEED     selects the faults and their times; default random, and
                        printed
  RESMON_SCALE_SECONDS  how long 'scale' injects faults; default 180
  RESMON_SCALE_SEED     as RESMON_CHAOS_SEED
  RESMON_STATIC_ROOTS   root folders of other distributions for 'static', with
                        colons between them
  RESMON_UPDATE_SPEED   if set, 'speed' records this build's counts
  RESMON_SANITIZE_ALL   if set, 'asan' and 'tsan' run every end-to-end test, not
                        only those that give sanitizers the most to do
  RESMON_NO_INSTALL     if set, install no packages; a missing one is a failure

build/test-logs/SUITE.log has the whole output of each suite. A suite that
crashes, exceeds its time or runs no test has failed.

Exit codes: 0 every test passed, 1 some failed, 2 usage

Examples:
  ./resmon test
  ./resmon test unit
  ./resmon test lint bats
TEXT
}

main() {
  local name when passed=0 failed=0 skipped=0 unsteady=0
  local -a wanted=() rows=() built_presets=()
  ahead_pid=''
  while (($#)); do
    case $1 in
      --list)
        suites_table | awk '$2 == "default" { print $1 }'
        return
        ;;
      -*) unknown_argument "$1" ;;
      *)
        suites_table | awk -v name="$1" '$1 == name { found = 1 } END { exit !found }' 2>/dev/null ||
          die usage "there is no suite '$(printable "$1")'; './resmon test --help' lists them"
        wanted+=("$1")
        ;;
    esac
    shift
  done
  while read -r name when _; do
    if ((${#wanted[@]} == 0)); then
      [[ $when != default ]] || rows+=("$name")
    fi
  done < <(suites_table)
  ((${#wanted[@]})) || wanted=("${rows[@]}")

  [[ -z ${RESMON_FUZZ_SECONDS-} ]] || check_number RESMON_FUZZ_SECONDS "$RESMON_FUZZ_SECONDS" 1 86400
  [[ -z ${RESMON_CHAOS_SECONDS-} ]] || check_number RESMON_CHAOS_SECONDS "$RESMON_CHAOS_SECONDS" 5 86400
  [[ -z ${RESMON_CHAOS_SEED-} ]] || check_number RESMON_CHAOS_SEED "$RESMON_CHAOS_SEED" 0 2147483647
  [[ -z ${RESMON_SCALE_SECONDS-} ]] || check_number RESMON_SCALE_SECONDS "$RESMON_SCALE_SECONDS" 30 86400
  [[ -z ${RESMON_SCALE_SEED-} ]] || check_number RESMON_SCALE_SEED "$RESMON_SCALE_SEED" 0 2147483647
  trap 'end_jobs; exit 130' INT
  trap 'end_jobs; exit 143' TERM
  make_home
  test_logs=$RESMON_BUILD_DIR/test-logs
  mkdir -p -- "$test_logs"
  prepare "${wanted[@]}"
  isolate
  run_suites "${wanted[@]}"
}

# row_of SUITE: sets suite_limit, suite_sections, suite_preset and suite_run from the table.
row_of() {
  local name
  while read -r name _ suite_limit suite_sections suite_preset suite_run _; do
    [[ $name != "$1" ]] || return 0
  done < <(suites_table)
  return 1
}

# asked_seconds SUITE: the seconds beyond its limit that the environment asks for.
asked_seconds() {
  local -a targets
  case $1 in
    fuzz)
      targets=("$RESMON_ROOT"/fuzz/*_fuzz.cc)
      echo $((${RESMON_FUZZ_SECONDS:-0} * ${#targets[@]}))
      ;;
    chaos) echo $((${RESMON_CHAOS_SECONDS:-0})) ;;
    scale) echo $((${RESMON_SCALE_SECONDS:-0})) ;;
    *) echo 0 ;;
  esac
}

# prepare SUITE…: all packages in one go.
prepare() {
  local name
  local -a sections=(base build node test) more
  [[ -z ${RESMON_NO_INSTALL-} ]] || return 0
  for name in "$@"; do
    row_of "$name"
    [[ $suite_sections != - ]] || continue
    IFS=, read -ra more <<<"$suite_sections"
    sections+=("${more[@]}")
  done
  install_packages "${sections[@]}"
}

# isolate: the caller's own servers, databases and settings are none of the tests' business; neither is their RESMON_HOME.
isolate() {
  local variable
  for variable in "${!RESMON_@}" "${!INFLUX_@}"; do
    case $variable in
      RESMON_ROOT | RESMON_BUILD_DIR | RESMON_FUZZ_SECONDS | RESMON_CHAOS_SECONDS | RESMON_CHAOS_SEED | RESMON_SCALE_SECONDS | RESMON_SCALE_SEED | RESMON_NO_INSTALL | RESMON_STATIC_ROOTS | RESMON_UPDATE_SPEED | RESMON_SANITIZE_ALL) ;;
      *) unset "$variable" ;;
    esac
  done
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/resmon-test.XXXXXX")
  trap 'end_ahead; rm -rf -- "$scratch"' EXIT
  export RESMON_HOME=$scratch/home
  make_home
}

run_suites() {
  local name began log before_passed before_failed before_skipped before_unsteady result
  local -a lines=()
  while (($#)); do
    name=$1
    row_of "$name"
    # As soon as a suite comes that waits for no build of its own.
    if [[ -z $ahead_pid && ($suite_preset == - || " ${built_presets[*]-} " == *" $suite_preset "*) ]]; then build_ahead "$@"; fi
    shift
    row_of "$name"
    log=$test_logs/$name.log
    rm -f -- "$log" "$log".*
    printf 'suite %s\n' "$name" >"$log"
    before_passed=$passed before_failed=$failed before_skipped=$skipped before_unsteady=$unsteady
    began=$SECONDS
    say "$(paint 2 bold "$name")"
    if prebuilt "$suite_preset" "$log.build"; then
      # The build's time is not the suite's.
      begin_suite $((suite_limit + $(asked_seconds "$name")))
      "suite_${suite_run%%:*}" "$log" "${suite_run#*:}"
    else
      failed=$((failed + 1))
    fi
    if ((passed + failed + skipped == before_passed + before_failed + before_skipped)); then
      say "  no test ran: counted as one failure"
      printf '==> no test ran\n' >>"$log"
      failed=$((failed + 1))
    fi
    unsteady=$((unsteady + $(grep -c '^# unsteady: ' "$log" || true)))
    result=$(summary $((passed - before_passed)) $((failed - before_failed)) $((skipped - before_skipped)) $((unsteady - before_unsteady)))
    if ((failed > before_failed)); then
      show_failures "$log" >&2
      lines+=("$(printf '%s %-10s %6d s  %s' "$(paint 1 red FAILED)" "$name" $((SECONDS - began)) "$result")")
      while IFS= read -r name; do lines+=("       $name"); done < <(failed_names "$log")
    else
      lines+=("$(printf '%s %-10s %6d s  %s' "$(paint 1 green 'ok    ')" "$name" $((SECONDS - began)) "$result")")
    fi
    while IFS= read -r name; do lines+=("       unsteady: $name"); done < <(sed -n 's/^# unsteady: //p' "$log" | cut -c 1-200)
    sed -n 's/^# summary: /  /p' "$log" # what a test found worth telling besides its verdict
    say "  $result in $((SECONDS - began)) s"
  done
  printf '\n'
  printf '%s\n' "${lines[@]}"
  printf '\n%s\n' "$(summary "$passed" "$failed" "$skipped" "$unsteady")"
  ((failed == 0)) || return 1
}

# summary PASSED FAILED SKIPPED UNSTEADY
summary() {
  printf '%d passed, %d failed' "$1" "$2"
  (($3 == 0)) || printf ', %d skipped' "$3"
  (($4 == 0)) || printf ', %d unsteady' "$4"
}

build_directory() {
  if [[ $1 == release ]]; then printf '%s' "$RESMON_BUILD_DIR"; else printf '%s' "$RESMON_ROOT/build-$1"; fi
}

# prebuilt PRESET LOG: builds everything of that preset, once; a failure is this suite's, not the end of the others.
prebuilt() {
  [[ $1 != - && " ${built_presets[*]-} " != *" $1 "* ]] || return 0
  [[ ! -e $test_logs/$1.ahead ]] || await_ahead "$1"
  build "$1" "$(build_directory "$1")" "$2" || return 1
  built_presets+=("$1")
}

# build_ahead SUITE…: builds what these need, one preset after the other, at the lowest priority beside the suites that run meanwhile:
# most of them wait more than they compute. Only where memory has room for both. Its end is not this command's to judge: prebuilt
# builds what is missing, and tells what fails.
build_ahead() {
  local name available
  local -a presets=()
  rm -f -- "$test_logs"/*.ahead
  for name in "$@"; do
    row_of "$name"
    [[ $suite_preset == - || " ${built_presets[*]-} ${presets[*]-} " == *" $suite_preset "* ]] || presets+=("$suite_preset")
  done
  available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  ((${#presets[@]} && ${available:-0} >= 6000000)) || return 0
  for name in "${presets[@]}"; do : >"$test_logs/$name.ahead"; done
  # Priorities count within a group of the kernel's scheduler, and a session is one: so the group has a low one, too.
  # shellcheck disable=SC2016
  setsid -- bash -c '
    { echo 19 >/proc/self/autogroup; } 2>/dev/null
    root=$1 release=$2 logs=$3 jobs=$4
    shift 4
    for preset in "$@"; do
      if [[ $preset == release ]]; then directory=$release; else directory=$root/build-$preset; fi
      cmake -S "$root" --preset "$preset" -B "$directory" && nice -n 19 cmake --build "$directory" --parallel "$jobs"
      rm -f -- "$logs/$preset.ahead"
    done' ahead "$RESMON_ROOT" "$RESMON_BUILD_DIR" "$test_logs" "$(build_jobs)" "${presets[@]}" </dev/null >"$test_logs/ahead.log" 2>&1 &
  ahead_pid=$!
  disown "$ahead_pid" # who waits for tests does not wait for it
}

end_ahead() { [[ -z $ahead_pid ]] || kill -TERM -- "-$ahead_pid" 2>/dev/null || true; }

# await_ahead PRESET: until what was begun ahead for it is done.
await_ahead() {
  local began=$SECONDS shown=0
  progress "building $1, begun beside the suites before…"
  while [[ -e $test_logs/$1.ahead ]] && process_start "$ahead_pid" >/dev/null; do
    sleep 0.2
    [[ -t 2 ]] || ((SECONDS - began >= shown + 30)) || continue
    shown=$((SECONDS - began))
    progress "building $1, begun beside the suites before… $(ninja_at "$test_logs/ahead.log")$shown s"
  done
  rm -f -- "$test_logs/$1.ahead"
  progress_end
  ((SECONDS - began < 3)) || say "waited $((SECONDS - began)) s for the build of $1"
}

suite_directory() { run_directory "$1" "$RESMON_ROOT/$2"; }

# suite_beside LOG DIRECTORY:EACH: the same, EACH files at once for each core.
suite_beside() { run_directory "$1" "$RESMON_ROOT/${2%:*}" "${2##*:}"; }

# suite_ctest LOG PRESET: runs the tests without a label; tests of more than one library have the label of their suite.
suite_ctest() { run_ctest "$1" "$(build_directory "$2")" --label-exclude .; }

# The end-to-end tests that the sanitizers' suites run: those that give parsers, memory or threads the most to do. Of the others a
# sanitizer's program takes minutes to find nothing that these do not; RESMON_SANITIZE_ALL has all of them run. One line a file: its
# name, the suites, the names of its tests (parts of them; - for all), and why.
sanitized_table() {
  cat <<'TABLE'
protocol    asan,tsan  -                                 every frame, whole and broken, and 300 connections at once
write       asan       -                                 line protocol, gzip, bodies up to their bounds
inputs      asan       ServerInputsTest                  lines, JSON, StatsD, collectd and datagrams from strangers
hostile     asan       -                                 forms and bodies that are made to cost
query       asan,tsan  -                                 the query engine, its pool of threads and the bounds of its memory
log_lines   asan       -                                 parsers of log lines, redaction, metrics from lines
log_sources asan       -                                 sockets, programs and systemd's journal as sources of lines
churn       asan,tsan  -                                 schemas and series that come and go under their readers
durable     asan       test_damage_to_any_file           damaged files of the store and the journal
system      asan,tsan  StopTest HttpTest                 starts and stops with everything open, the live view, requests that are none
journal     tsan       test_killed_under_load test_a_database_that_is_away  sessions, journal, store and sinks at once, and restarts
peers       tsan       test_answers test_many_series     servers that ask each other
logs        tsan       test_every_line_once              log lines with kills, rotation and cut networks
alerts      tsan       test_messages test_silences       rules that are read again while samples come
TABLE
}

# sanitized_files PRESET: for run_files.
sanitized_files() {
  local file line name suites tests
  if [[ -n ${RESMON_SANITIZE_ALL-} ]]; then
    for file in "$RESMON_ROOT"/tests/e2e/*.test.py; do printf '%s\n' "$file"; done
    return
  fi
  while IFS= read -r line; do
    read -r name suites _ <<<"$line"
    [[ ,$suites, == *",$1,"* ]] || continue
    tests=$(sed -E 's/^\S+ +\S+ +//; s/  .*//' <<<"$line")
    [[ $tests != - ]] || tests=''
    printf '%s%s\n' "$RESMON_ROOT/tests/e2e/$name.test.py" "${tests:+|$tests}"
  done < <(sanitized_table)
}

# suite_sanitized LOG PRESET: the unit tests of that build, and end-to-end tests on its programs (never those of the command line,
# which builds programs of its own). A report ends the program that it is about, and that is noticed.
suite_sanitized() {
  local options='halt_on_error=1 abort_on_error=1'
  local -a left_out=() files
  # These run for minutes in one thread: the address sanitizer has had them.
  [[ $2 != tsan ]] || left_out=(--exclude-regex '\.(JournalModel|SpoolModel|StoreModelTest|StoreCrashTest|HeadTest|ChunkTest)\.')
  ASAN_OPTIONS="$options detect_stack_use_after_return=1" UBSAN_OPTIONS="$options print_stacktrace=1" \
    TSAN_OPTIONS="$options second_deadlock_stack=1" run_ctest "$1" "$(build_directory "$2")" --label-exclude . "${left_out[@]}"
  mapfile -t files < <(sanitized_files "$2")
  ASAN_OPTIONS=$options UBSAN_OPTIONS="$options print_stacktrace=1" TSAN_OPTIONS="$options second_deadlock_stack=1" \
    RESMON_BUILD_DIR=$(build_directory "$2") run_files "$1" 1 "${files[@]}"
}

# suite_arm64 LOG PRESET: the unit tests of that build, which an emulator runs.
suite_arm64() {
  local directory
  directory=$(build_directory "$2")
  RESMON_SYSROOT=$(sysroot_of arm64)
  export RESMON_SYSROOT
  make_sysroot arm64 "$RESMON_SYSROOT" "$1.build"
  if build "$2" "$directory" "$1.build" {procfs,wire,net,journal,uplink,collect}_test; then
    run_ctest "$1" "$directory" --label-exclude .
  else
    counted 0 1 0
  fi
}

# suite_labelled LOG NAME: runs ctest's tests with that label, and the other tests in tests/NAME, several files at once.
suite_labelled() {
  local listed
  listed=$(ctest --test-dir "$RESMON_BUILD_DIR" --show-only --label-regex "^$2\$" 2>&1) || true
  if ! grep -q '^Total Tests: 0$' <<<"$listed"; then run_ctest "$1" "$RESMON_BUILD_DIR" --label-regex "^$2\$"; fi
  run_directory "$1" "$RESMON_ROOT/tests/$2" 2
}

# suite_lint LOG DIRECTORY: each script there is one test.
suite_lint() {
  local file
  local -a files=()
  for file in "$RESMON_ROOT/$2"/*.sh; do
    [[ ! -x $file ]] || files+=("$file")
  done
  run_files "$1" 1 "${files[@]}"
}

# suite_fuzz LOG PRESET: each target of that build for a short while; fuzz/run.sh says what it leaves where.
suite_fuzz() { run_ctest "$1" "$(build_directory "$2")" --label-regex '^fuzz$'; }
