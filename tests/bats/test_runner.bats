# ./resmon test on a small house of its own: what it counts, and what it must not overlook.

load helpers/common
setup() {
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  HOUSE="$BATS_TEST_TMPDIR/a house"
  mkdir -p "$HOUSE/tests/lint" "$HOUSE/tests/bats" "$HOUSE/build"
  cp -r "$ROOT/resmon" "$ROOT/automation" "$ROOT/CMakeLists.txt" "$HOUSE/"
  unset RESMON_HOME RESMON_BUILD_DIR
  export RESMON_NO_INSTALL=1
  # The house's tests are not tests of this run.
  for variable in "${!BATS_@}"; do
    [[ $variable == BATS_TEST_TMPDIR || $variable == BATS_TEST_DIRNAME ]] || hidden+=(-u "$variable")
  done
  script lint/good.sh 'exit 0'
}

script() {
  printf '#!/bin/bash\n%s\n' "$2" >"$HOUSE/tests/$1"
  chmod +x "$HOUSE/tests/$1"
}

# bats_file FILE [NAME BODY]…: bats would take a literal test in this file for one of its own.
bats_file() {
  local file=$HOUSE/tests/bats/$1
  shift
  while (($#)); do
    printf '%stest "%s" { %s; }\n' @ "$1" "$2" >>"$file"
    shift 2
  done
}

test_house() { run env "${hidden[@]}" "$HOUSE/resmon" test "$@"; }

@test "the last line alone is the sum, and the exit code says the same" {
  bats_file a.bats one true two true
  test_house lint bats
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = '3 passed, 0 failed' ]
}

@test "a failing test fails the run and its words are shown" {
  bats_file a.bats one true two 'echo the-reason; false'
  test_house lint bats
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '2 passed, 1 failed' ]
  [[ $output == *the-reason* ]]
}

@test "skips are counted apart, never as passes" {
  bats_file a.bats one 'skip "no such thing here"' two true
  script lint/skipped.sh 'exit 77'
  test_house lint bats
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = '2 passed, 0 failed, 2 skipped' ]
}

@test "a suite without tests has failed" {
  test_house bats
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '0 passed, 1 failed' ]
  test_house docker
  [ "$status" -eq 1 ]
}

@test "a file that bats cannot read has failed" {
  bats_file a.bats one true
  bats_file b.bats two if
  test_house bats
  [ "$status" -eq 1 ]
}

@test "a runner that dies half-way has failed, whatever passed before" {
  script lint/tap.sh 'echo 1..3; echo ok 1 - a; kill -KILL $$'
  test_house lint
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '2 passed, 2 failed' ]
}

@test "TAP that ends with a failing exit code has failed" {
  script lint/tap.sh 'echo 1..1; echo ok 1 - a; exit 3'
  test_house lint
  [ "${lines[-1]}" = '2 passed, 1 failed' ]
}

@test "a suite that runs out of time has failed and leaves no process" {
  sed -i 's/^lint  *default  *600/lint default 5/' "$HOUSE/automation/test.sh"
  script lint/slow.sh "echo \$\$ >'$BATS_TEST_TMPDIR/pid'; sleep 300"
  test_house lint
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '1 passed, 1 failed' ]
  run kill -0 "$(cat "$BATS_TEST_TMPDIR/pid")"
  [ "$status" -ne 0 ]
}

@test "a suite that is asked to take longer has that much more time" {
  sed -i 's|^fuzz .*|fuzz default 1 - - directory:tests/fuzz .|; s|^chaos .*|chaos default 1 - - directory:tests/chaos .|' "$HOUSE/automation/test.sh"
  mkdir "$HOUSE/fuzz" "$HOUSE/tests/fuzz" "$HOUSE/tests/chaos"
  touch "$HOUSE/fuzz/a_fuzz.cc" "$HOUSE/fuzz/b_fuzz.cc"
  script fuzz/long.test.sh 'sleep 3'
  script chaos/long.test.sh 'sleep 3'
  test_house fuzz chaos
  [ "${lines[-1]}" = '0 passed, 2 failed' ]
  RESMON_FUZZ_SECONDS=3 RESMON_CHAOS_SECONDS=5 test_house fuzz chaos
  [ "${lines[-1]}" = '2 passed, 0 failed' ]
}

@test "node's tests are counted from node's own report" {
  sed -i 's/release  beside:tests\/browser/-        beside:tests\/browser/' "$HOUSE/automation/test.sh"
  mkdir "$HOUSE/tests/browser"
  cat >"$HOUSE/tests/browser/a.test.mjs" <<'JS'
import test from 'node:test';
test('one', () => {});
test('two', () => { throw new Error('the-reason'); });
test('three', {skip: true}, () => {});
JS
  test_house browser
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '1 passed, 1 failed, 1 skipped' ]
}

@test "a test of node that passes when repeated alone is counted as unsteady, by name" {
  sed -i 's/release  beside:tests\/browser/-        beside:tests\/browser/' "$HOUSE/automation/test.sh"
  mkdir "$HOUSE/tests/browser"
  cat >"$HOUSE/tests/browser/a.test.mjs" <<'JS'
import test from 'node:test';
import {existsSync, writeFileSync} from 'node:fs';
const mark = process.env.HOME_OF_MARKS + '/tried';
test('one (with a dot.)', () => {
  if (existsSync(mark)) return;
  writeFileSync(mark, '');
  throw new Error('the-reason');
});
test('one (with a dot!)', () => {});
test('two lines', () => {
  if (existsSync(mark + '2')) return;
  writeFileSync(mark + '2', '');
  throw new Error('its first line\nits second');
});
JS
  HOME_OF_MARKS=$BATS_TEST_TMPDIR test_house browser
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = '3 passed, 0 failed, 2 unsteady' ]
  [[ $output == *"unsteady: one (with a dot.): 'the-reason'"* ]]
  [[ $output == *"unsteady: two lines: its first line"* ]]
}

@test "a test of node that a shared function makes, and that fails twice, has failed" {
  sed -i 's/release  beside:tests\/browser/-        beside:tests\/browser/' "$HOUSE/automation/test.sh"
  mkdir "$HOUSE/tests/browser"
  cat >"$HOUSE/tests/browser/made.mjs" <<'JS'
import test from 'node:test';
export const made = (name, body) => test(name, body);
JS
  cat >"$HOUSE/tests/browser/a.test.mjs" <<'JS'
import {made} from './made.mjs';
made('one', () => { throw new Error('the-reason'); });
made('two', () => {});
JS
  test_house browser
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '1 passed, 1 failed' ]
}

@test "a test in Python that passes when repeated alone is unsteady; one that fails twice, or many that fail, have failed" {
  mkdir "$HOUSE/tests/e2e"
  cp "$ROOT"/tests/e2e/{house,wire}.py "$HOUSE/tests/e2e"
  cat >"$HOUSE/tests/lint/python.sh" <<'PYTHON'
#!/usr/bin/env python3
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import house
marks = os.environ["HOME_OF_MARKS"]
class OneTest(house.unittest.TestCase):
    @classmethod
    def setUpClass(cls):  # also of the test that is repeated
        cls.is_set_up = True
        cls.addClassCleanup(setattr, cls, "is_set_up", False)
    def setUp(self):
        self.assertTrue(self.is_set_up)
    def first(self, name):
        path = os.path.join(marks, name)
        new = not os.path.exists(path)
        open(path, "w").close()
        return new
    def test_good(self):
        pass
    def test_unsteady(self):
        self.assertFalse(self.first("unsteady"), "the-reason")
    def test_parts(self):
        if os.environ.get("MANY"):
            with self.subTest("a"):
                self.fail("a part")
            with self.subTest("b"):
                self.fail("another")
    def test_bad(self):
        if os.environ.get("BAD"):
            self.fail("each time")
house.main()
PYTHON
  chmod +x "$HOUSE/tests/lint/python.sh"
  export HOME_OF_MARKS=$BATS_TEST_TMPDIR/marks
  mkdir "$HOME_OF_MARKS"
  test_house lint
  [ "$status" -eq 0 ]
  [ "${lines[-1]}" = '5 passed, 0 failed, 1 unsteady' ]
  [[ $output == *'unsteady: OneTest.test_unsteady: AssertionError: True is not false : the-reason'* ]]
  rm "$HOME_OF_MARKS/unsteady"
  BAD=1 test_house lint
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '4 passed, 1 failed, 1 unsteady' ]
  rm "$HOME_OF_MARKS/unsteady"
  BAD=1 MANY=1 test_house lint
  [ "${lines[-1]}" = '2 passed, 3 failed' ]
}

@test "ctest's tests are counted from its report; none is a failure" {
  stand_ins=$BATS_TEST_TMPDIR/stand_ins
  mkdir "$stand_ins"
  printf '#!/bin/bash\nexit 0\n' >"$stand_ins/cmake"
  cat >"$stand_ins/ctest" <<'SH'
#!/bin/bash
while (($#)); do [[ $1 != --output-junit ]] || report=$2; shift; done
[[ -n ${NO_REPORT-} ]] && exit 8
printf '<?xml version="1.0"?>\n<testsuite name="x"\n\ttests="7"\n\tfailures="1"\n\tdisabled="1"\n\tskipped="2"\n\thostname="" time="3">\n<testcase name="tests=9"/>\n</testsuite>\n' >"$report"
exit 8
SH
  chmod +x "$stand_ins"/*
  PATH="$stand_ins:$PATH" test_house unit
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '3 passed, 1 failed, 3 skipped' ]
  export NO_REPORT=1
  PATH="$stand_ins:$PATH" test_house unit
  [ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "a suite is its label in ctest and its folder, and a label without tests is no failure" {
  stand_ins=$BATS_TEST_TMPDIR/stand_ins
  mkdir "$stand_ins" "$HOUSE/tests/e2e"
  printf '#!/bin/bash\nexit 0\n' >"$stand_ins/cmake"
  cat >"$stand_ins/ctest" <<'SH'
#!/bin/bash
[[ $* != *--show-only* ]] || { echo "Total Tests: ${LABELLED:-0}"; exit 0; }
[[ $* == *'--label-regex ^e2e$'* ]] || exit 9
while (($#)); do [[ $1 != --output-junit ]] || report=$2; shift; done
printf '<testsuite tests="4" failures="0" disabled="0" skipped="0">\n' >"$report"
SH
  chmod +x "$stand_ins"/*
  script e2e/one.test.sh 'exit 0'
  script e2e/helper.sh 'exit 1'
  PATH="$stand_ins:$PATH" test_house e2e
  [ "${lines[-1]}" = '1 passed, 0 failed' ]
  export LABELLED=4
  PATH="$stand_ins:$PATH" test_house e2e
  [ "${lines[-1]}" = '5 passed, 0 failed' ]
}

@test "a build that fails is that suite's failure, and the others still run" {
  stand_ins=$BATS_TEST_TMPDIR/stand_ins
  mkdir "$stand_ins"
  printf '#!/bin/bash\necho "a.cc:1: error: the-reason"; exit 1\n' >"$stand_ins/cmake"
  chmod +x "$stand_ins"/*
  PATH="$stand_ins:$PATH" test_house unit lint
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '1 passed, 1 failed' ]
  [[ $output == *the-reason* ]]
}

@test "what a suite needs is built beside those before it" {
  (($(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo) >= 6000000)) || skip "there is too little memory for both"
  stand_ins=$BATS_TEST_TMPDIR/stand_ins
  mkdir "$stand_ins"
  printf '#!/bin/bash\necho "$*" >>"%s"\n' "$BATS_TEST_TMPDIR/built" >"$stand_ins/cmake"
  cat >"$stand_ins/ctest" <<'SH'
#!/bin/bash
while (($#)); do [[ $1 != --output-junit ]] || report=$2; shift; done
printf '<testsuite tests="2" failures="0" disabled="0" skipped="0">\n' >"$report"
SH
  chmod +x "$stand_ins"/*
  script lint/meets.sh "for ((i = 0; i < 600; i++)); do grep -q -- '--build' '$BATS_TEST_TMPDIR/built' && exit 0; sleep 0.1; done; exit 1"
  PATH="$stand_ins:$PATH" test_house lint unit
  [ "${lines[-1]}" = '4 passed, 0 failed' ]
  grep -q -- "--preset release -B $HOUSE/build" "$BATS_TEST_TMPDIR/built"
}

@test "tests do not see the caller's servers and databases" {
  # shellcheck disable=SC2016 # the script's own variables
  script lint/environment.sh '[[ -z ${INFLUX_URL-}${RESMON_HTTP_ADDRESS-} && $RESMON_HOME != /nowhere ]]'
  INFLUX_URL=http://x RESMON_HTTP_ADDRESS=1:1 test_house lint
  [ "$status" -eq 0 ]
}

@test "a test may rely on Ctrl-C, although the runner is in the background" {
  script lint/interrupt.sh 'trap "exit 0" INT; kill -INT $$; exit 1'
  test_house lint
  [ "$status" -eq 0 ]
}

@test "an unknown suite is a usage error" {
  test_house nope
  [ "$status" -eq 2 ]
}

@test "files that do not mind each other run side by side, each by its kind, and are counted one by one" {
  (($(nproc) > 1)) || skip "there is one core"
  # Each waits for the other to have begun.
  meet="for ((i = 0; i < 600; i++)); do [[ -e '$BATS_TEST_TMPDIR/began.a' && -e '$BATS_TEST_TMPDIR/began.b' ]] && break; sleep 0.1; done; ((i < 600))"
  bats_file a.bats one "touch '$BATS_TEST_TMPDIR/began.a'; $meet" two true
  script bats/b.test.sh "touch '$BATS_TEST_TMPDIR/began.b'; $meet"
  script bats/c.test.py 'echo "1..2"; echo "ok 1 - c"; echo "not ok 2 - the-reason"; exit 1'
  script bats/d.test.py 'exit 77'
  test_house bats
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '4 passed, 1 failed, 1 skipped' ]
  [[ $output == *the-reason* ]]
}

# sanitized_house [ROW]…: the suite tsan, of end-to-end tests alone and without a build; its table of them has these rows.
sanitized_house() {
  # shellcheck disable=SC2016 # the edited script's own variable
  sed -i 's/^tsan .*/tsan default 60 - - sanitized:tsan ./; s/TSAN_OPTIONS="$options second_deadlock_stack=1" run_ctest .*/true/' "$HOUSE/automation/test.sh"
  sed -i '/^sanitized_table/,/^TABLE$/{/^sanitized_table\|TABLE/!d}' "$HOUSE/automation/test.sh"
  local row
  for row in "$@"; do sed -i "/^sanitized_table/,/^TABLE\$/s/^TABLE\$/$row\\nTABLE/" "$HOUSE/automation/test.sh"; done
  mkdir "$HOUSE/tests/e2e"
}

@test "a sanitizer's suite runs the end-to-end tests of its table, and all when that is asked for" {
  sanitized_house 'a  asan,tsan  One Two  both' 'b  asan  -  not here' 'c  tsan  -  all of it'
  # shellcheck disable=SC2016 # the scripts' own variables
  for name in a b c d; do script "e2e/$name.test.py" 'echo "1..1"; echo "ok 1 - ${0##*/} $*"'; done
  test_house tsan
  [ "${lines[-1]}" = '2 passed, 0 failed' ]
  grep -qx 'ok 1 - a.test.py One Two' "$HOUSE/build/test-logs/tsan.log"
  grep -qx 'ok 1 - c.test.py ' "$HOUSE/build/test-logs/tsan.log"
  RESMON_SANITIZE_ALL=1 test_house tsan
  [ "${lines[-1]}" = '4 passed, 0 failed' ]
  grep -qx 'ok 1 - a.test.py ' "$HOUSE/build/test-logs/tsan.log"
}

@test "a file of the sanitizers' table that is not there is a failure" {
  sanitized_house 'a  tsan  -  gone'
  test_house tsan
  [ "$status" -eq 1 ]
  [ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "every test that the sanitizers' table names is there" {
  rows=0
  while read -r line; do
    rows=$((rows + 1))
    read -r name _ <<<"$line"
    words=$(sed -E 's/^\S+ +\S+ +//; s/  .*//' <<<"$line")
    [ -e "$ROOT/tests/e2e/$name.test.py" ]
    [[ $words != - ]] || continue
    for word in $words; do grep -qE "^ *(def|class) $word" "$ROOT/tests/e2e/$name.test.py" || { echo "$name has no $word" && false; }; done
  done < <(sed -n '/^sanitized_table/,/^TABLE$/p' "$ROOT/automation/test.sh" | grep -E ' (asan|tsan)')
  ((rows > 5))
}

@test "a run that is ended ends end-to-end tests that run side by side" {
  sanitized_house 'a  tsan  -  one'
  script e2e/a.test.py "echo \$\$ >'$BATS_TEST_TMPDIR/pid'; sleep 300"
  env "${hidden[@]}" "$HOUSE/resmon" test tsan >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
  runner=$!
  wait_until 60 test -s "$BATS_TEST_TMPDIR/pid"
  pid=$(cat "$BATS_TEST_TMPDIR/pid")
  kill -TERM "$runner"
  wait "$runner" || true
  wait_until 60 gone "$pid"
}

gone() { ! kill -0 "$1" 2>/dev/null; }
