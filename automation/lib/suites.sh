# Runs test suites and counts the tests that really ran.
#
# Each runner ends by adding to `passed`, `failed` and `skipped` from its tool's own report, never from an exit code alone; an exit
# code that says failure where the report shows none counts as one failure, and so does a suite in which no test ran. A skipped test
# is never a passed one. A test of the real programs that failed and passes when it is repeated alone is counted as passed and, by name
# and with its first error, as unsteady.
# shellcheck shell=bash
use build

passed=0 failed=0 skipped=0
suite_deadline=0
begin_suite() { suite_deadline=$((SECONDS + $1)); }

# run_logged LOG COMMAND…: appends to LOG, no standard input, the suite's remaining time as its limit, a session's worth of
# processes ended with it. Sets `run_status`.
run_status=0
run_logged() {
  local log=$1 left pid
  shift
  left=$((suite_deadline - SECONDS))
  ((left >= 1)) || left=1
  printf '\n==> %s\n' "$*" >>"$log"
  run_status=0
  # A background job of a shell ignores SIGINT, and so would every test below it.
  env --default-signal=INT,QUIT timeout --kill-after=15 "$left" "$@" </dev/null >>"$log" 2>&1 &
  pid=$!
  wait "$pid" || run_status=$?
  if ((run_status == 124 || run_status == 137)); then
    printf '==> ended after the time limit of %s s\n' "$left" >>"$log"
  fi
}

# counted PASSED FAILED SKIPPED: adds one runner's figures, made honest by its exit code in run_status.
counted() {
  local good=$1 bad=$2 left_out=$3
  if ((run_status != 0 && bad == 0)); then bad=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
  skipped=$((skipped + left_out))
}

# count_tap FILE: good, bad and skipped test points of TAP at the outermost level, for bats and for scripts that speak it. Points
# that the plan promised and that never came are failures.
count_tap() {
  awk '
    /^1\.\.[0-9]+/ { planned += substr($1, 4) }
    /^ok [0-9]+/ { if (tolower($0) ~ /# *(skip|todo)/) skip++; else good++; seen++ }
    /^not ok [0-9]+/ { if (tolower($0) ~ /# *todo/) skip++; else bad++; seen++ }
    END { if (planned > seen) bad += planned - seen; printf "%d %d %d\n", good, bad, skip }' "$1"
}

# run_bats LOG FILE…
run_bats() {
  local log=$1 points good bad left_out
  shift
  points=$log.tap
  : >"$points"
  run_logged "$points" bats --formatter tap "$@"
  cat -- "$points" >>"$log"
  read -r good bad left_out <<<"$(count_tap "$points")"
  counted "$good" "$bad" "$left_out"
}

# run_node LOG FILE…: node's own test runner.
run_node() {
  local log=$1 points good bad left_out
  shift
  points=$log.tap
  : >"$points"
  run_logged "$points" node --test --test-reporter=tap "$@"
  cat -- "$points" >>"$log"
  read -r good bad left_out <<<"$(awk '
    /^# pass [0-9]+$/ { good = $3 }
    /^# (fail|cancelled) [0-9]+$/ { bad += $3 }
    /^# (skipped|todo) [0-9]+$/ { skip += $3 }
    END { printf "%d %d %d\n", good, bad, skip }' "$points")"
  if ((bad > 0)) && repeat_node "$log" "$points" "$@"; then
    good=$((good + bad)) bad=0 run_status=0
  fi
  counted "$good" "$bad" "$left_out"
}

# repeat_node LOG POINTS FILE…: runs node's tests of the files that failed by POINTS once more, each alone, unless there are more than a few;
# true when all pass. Those that do are told as unsteady, as tests/e2e/house.py tells its own. Where a test is written down says nothing of its
# file: a function that many files share may have made it.
repeat_node() {
  local log=$1 points=$2 number name error again=0
  shift 2
  local -a broken
  mapfile -t broken < <(awk '
    /^not ok [0-9]+ - / { name = $0; sub(/^not ok [0-9]+ - /, "", name); error = ""; next }
    /^(not )?ok / { name = "" }
    error ~ /^[|>]-?$/ { error = $0; sub(/^ +/, "", error) }  # the text of several lines begins in the next one
    name != "" && /^  error: / { error = $0; sub(/^  error: /, "", error) }
    name != "" && /^  \.\.\.$/ { printf "%s\t%s\n", name, error; name = "" }' "$points")
  ((${#broken[@]} > 0 && ${#broken[@]} <= 2)) || return 1
  for number in "${!broken[@]}"; do
    IFS=$'\t' read -r name error <<<"${broken[number]}"
    printf '# once more, alone: %s\n' "$name" >>"$log"
    : >"$points"
    # shellcheck disable=SC2001 # each of these characters, not a fixed one
    run_logged "$points" node --test --test-reporter=tap --test-name-pattern="^$(sed 's/[][\\.^$*+?(){}|/]/\\&/g' <<<"$name")\$" "$@"
    cat -- "$points" >>"$log"
    # A run in which the name matches nothing is good, too.
    if ((run_status == 0)) && sed -nE 's/^ok [0-9]+ - //p' "$points" | grep -qxF -- "$name"; then
      printf '# unsteady: %s: %s\n' "$name" "$error" >>"$log"
    else
      again=1
    fi
  done
  return "$again"
}

# run_ctest LOG DIRECTORY [OPTION…]
run_ctest() {
  local log=$1 directory=$2 report good bad left_out
  shift 2
  report=$log.xml
  rm -f -- "$report"
  run_logged "$log" ctest --test-dir "$directory" --output-on-failure --no-tests=error --timeout 300 \
    --parallel "$(build_jobs)" --output-junit "$report" "$@"
  if [[ ! -s $report ]]; then
    counted 0 1 0
    return
  fi
  read -r good bad left_out <<<"$(tr '\n' ' ' <"$report" | awk '
    function attribute(name) { return match($0, name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 2) + 0 : 0 }
    { sub(/.*<testsuite /, ""); sub(/>.*/, "")
      bad = attribute("failures"); skip = attribute("skipped") + attribute("disabled")
      printf "%d %d %d\n", attribute("tests") - bad - skip, bad, skip }')"
  counted "$good" "$bad" "$left_out"
  # What a test that passed found worth telling.
  grep -ho '^# summary: .*' "$report" >>"$log" || true
}

# run_script LOG FILE [WORD…]: one test by its exit code (77 = skipped), unless it prints TAP.
run_script() {
  local log=$1 points good bad left_out
  shift
  points=$log.tap
  : >"$points"
  run_logged "$points" "$@"
  cat -- "$points" >>"$log"
  if grep -qE '^(not )?ok [0-9]+' "$points"; then
    read -r good bad left_out <<<"$(count_tap "$points")"
    counted "$good" "$bad" "$left_out"
  elif ((run_status == 77)); then
    run_status=0
    counted 0 0 1
  elif ((run_status == 0)); then
    counted 1 0 0
  else
    counted 0 1 0
  fi
}

# run_file LOG FILE [WORD…]: a file of tests by its kind: bats', node's, or a script, which runs those that WORDs name.
run_file() {
  case $2 in
    *.bats) run_bats "$1" "$2" ;;
    *.test.mjs) run_node "$1" "$2" ;;
    *) run_script "$@" ;;
  esac
}

# run_files LOG EACH FILE[|WORD WORD…]…: each as run_file does it, EACH at once for each core, for tests that do not mind each other: 1 where
# they compute, 2 where they mostly wait. The largest begin first: as a rule they take longest. LOG has them in that order.
run_files() {
  local log=$1 file points good bad left_out at_once number=0 i
  local -a files words
  at_once=$(($(build_jobs) * $2))
  shift 2
  mapfile -t files < <(for file in "$@"; do printf '%s %s\n' "$(stat -c %s -- "${file%%|*}" 2>/dev/null)" "$file"; done | sort -rn | cut -d ' ' -f 2-)
  for file in "${files[@]}"; do
    while (($(jobs -pr | wc -l) >= at_once)); do wait -n || true; done
    number=$((number + 1))
    (
      trap 'end_jobs; exit 143' TERM
      passed=0 failed=0 skipped=0
      words=()
      [[ $file != *'|'* ]] || read -ra words <<<"${file##*|}"
      run_file "$log.$number" "${file%%|*}" "${words[@]}"
      printf '%d %d %d\n' "$passed" "$failed" "$skipped" >"$log.$number.counted"
    ) &
  done
  wait
  for ((i = 1; i <= number; i++)); do
    points=$log.$i.counted good=0 bad=1 left_out=0 # of one that did not come to counting
    [[ ! -s $points ]] || read -r good bad left_out <"$points"
    cat -- "$log.$i" >>"$log" || true
    run_status=0
    counted "$good" "$bad" "$left_out"
  done
}

# run_directory LOG DIRECTORY [EACH]: everything in it that is a test: *.bats, *.test.mjs for node, executable *.test.sh and *.test.py; with
# EACH side by side, as run_files does it. A package-lock.json brings its modules first.
run_directory() {
  local log=$1 directory=$2 file
  local -a files=()
  shopt -s nullglob
  if [[ -e $directory/package-lock.json && ! $directory/node_modules/.package-lock.json -nt $directory/package-lock.json ]]; then
    run_logged "$log" npm --prefix "$directory" ci --no-audit --no-fund
    if ((run_status != 0)); then
      counted 0 1 0
      shopt -u nullglob
      return
    fi
  fi
  for file in "$directory"/*.bats "$directory"/*.test.mjs "$directory"/*.test.sh "$directory"/*.test.py; do
    [[ $file != *.test.[sp]* || -x $file ]] || continue
    files+=("$file")
  done
  shopt -u nullglob
  if [[ -n ${3-} ]]; then
    run_files "$log" "$3" "${files[@]}"
    return
  fi
  for file in "${files[@]}"; do run_file "$log" "$file"; done
}

# show_failures LOG: the parts of a log with the failures, and its end.
show_failures() {
  printf '  --- from %s\n' "$1"
  {
    grep -nE -A 12 '^not ok |\*\*\*(Failed|Timeout|Exception)|^\[  FAILED  \]|: error: |ERROR: (Address|Leak|Thread)Sanitizer|^In .* line [0-9]+:' -- "$1" |
      head -n 80 || true
    printf '  ...\n'
    tail -n 15 -- "$1"
  } | tr -d '\000-\010\013-\037\177' | sed 's/^/  | /'
}

# failed_names LOG: which tests failed in it and the first reason each gave, for the end of the whole output: of a failed run people
# often have no more than its last lines.
failed_names() {
  tr -d '\000-\010\013-\037\177' <"$1" | awk '
    function tell(text) { if (!seen[text]++ && told++ < 24) print substr(text, 1, 200) }
    /^not ok [0-9]+/ { sub(/^not ok [0-9]+ (- )?/, ""); tell($0); reason = 1; next }
    /^ok [0-9]+/ { reason = 0 }
    reason && /^# +[^ ].*(Error|failed|expected)/ { sub(/^# +/, ""); tell("  " $0); reason = 0 }
    /\*\*\*(Failed|Timeout|Exception)/ { sub(/^.*Test +#[0-9]+: /, ""); sub(/ \.*\*\*\*/, " "); tell($0) }
    /^SUMMARY: [A-Za-z]+Sanitizer/ || /^==> (ended after|no test ran)/ || /: error: / { tell($0) }'
}
