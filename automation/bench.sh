# Runs a benchmark, or lists them
# shellcheck shell=bash
use process packages build

usage() {
  cat <<'TEXT'
Usage: ./resmon bench [NAME [--json] [OPTION]…]

Without a NAME it lists the benchmarks: programs bench-NAME of the build and
scripts of bench/. Other options go to the benchmark; './resmon bench
NAME -- --help' lists them.

What it prints comes at its end. Goals are judged only where other programs
took at most 0.3 of a core in each minute of the run; otherwise it says so and
exits 3. The run's record (command, versions, load, figures) is
bench/NAME.json in resmon's directory.

Options:
  --json       the run's record instead of a table
  -h, --help   this text

Exit codes: 0 done, 1 failed, 2 usage, 3 done beside other load

Examples:
  ./resmon bench
  ./resmon bench agent
  ./resmon bench store --json
TEXT
}

main() {
  local name=${1-}
  if [[ -z $name ]]; then
    list_benchmarks
    return
  fi
  shift
  [[ $name =~ ^[a-z0-9][a-z0-9_-]*$ ]] || die usage "there is no benchmark '$(printable "$name")'; './resmon bench' lists them"
  [[ ${1-} != -- ]] || shift
  make_home
  [[ -n ${RESMON_NO_BUILD-} ]] || install_packages base build node
  local script
  for script in "$RESMON_ROOT/bench/$name".{sh,py}; do
    [[ -x $script ]] || continue
    if wants_help "$@"; then exec "$script" "$@"; fi
    need_binaries
    prepare "$script"
    judged "$name" "$script" "$@"
  done
  if [[ -z ${RESMON_NO_BUILD-} ]] && has_target "bench-$name"; then
    build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" "bench-$name" ||
      die failed "the benchmark is not built"
  fi
  [[ -x $RESMON_BUILD_DIR/bin/bench-$name ]] || die usage "there is no benchmark '$name'; './resmon bench' lists them"
  judged "$name" "$RESMON_BUILD_DIR/bin/bench-$name" "$@"
}

# named_in SCRIPT WHAT: the words of its line "# WHAT: …", which stands near its beginning.
named_in() {
  sed -nE "1,5s/^# $2: //p" "$1"
}

# prepare SCRIPT: builds and installs what it names.
prepare() {
  local script=$1
  local -a packages targets
  read -ra packages <<<"$(named_in "$script" packages)"
  read -ra targets <<<"$(named_in "$script" builds)"
  if [[ -z ${RESMON_NO_INSTALL-} && ${#packages[@]} -gt 0 ]]; then install_packages "${packages[@]}"; fi
  if [[ -z ${RESMON_NO_BUILD-} && ${#targets[@]} -gt 0 ]]; then
    build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" "${targets[@]}" || die failed "the benchmark is not built"
  fi
}

# judged NAME COMMAND…: runs a benchmark in place of this process, with its verdict only where nothing else ran.
judged() {
  export RESMON_ROOT RESMON_HOME RESMON_BUILD_DIR
  exec python3 "$RESMON_ROOT/bench/judge.py" "$@"
}

# has_target NAME: whether the build, configured at need, knows it.
has_target() {
  [[ -e $RESMON_BUILD_DIR/build.ninja ]] ||
    build release "$RESMON_BUILD_DIR" "$RESMON_HOME/log/build.log" resmon-client ||
    die failed "resmon is not built"
  grep -q "^build bin/$1:" "$RESMON_BUILD_DIR/build.ninja"
}

list_benchmarks() {
  local file
  {
    for file in "$RESMON_ROOT"/bench/*.{sh,py}; do
      [[ ! -x $file ]] || printf '%s\t%s\n' "$(basename -- "${file%.*}")" "$(sed -n '2s/^# //p' "$file")"
    done
    if [[ -e $RESMON_BUILD_DIR/build.ninja ]]; then
      sed -nE 's/^build bin\/bench-([a-z0-9_-]+):.*/\1/p' "$RESMON_BUILD_DIR/build.ninja" | with_summary
    fi
    for file in "$RESMON_BUILD_DIR"/bin/bench-*; do
      [[ ! -x $file ]] || printf '%s\n' "${file##*/bench-}"
    done | with_summary
  } | sort -s -u -k 1,1 | awk -F '\t' '{ printf "  %-16s %s\n", $1, $2; n++ } END { if (!n) print "there is no benchmark yet" }'
}

# with_summary: adds to each name of a program the first line of its source, which sums it up.
with_summary() {
  local name file
  while read -r name; do
    file=$RESMON_ROOT/bench/${name}_main.cc
    [[ -e $file ]] || file=$RESMON_ROOT/bench/$name.cc
    printf '%s\t%s\n' "$name" "$(sed -nE '1s/^\/\/ (.*)\.$/\1/p' "$file" 2>/dev/null || true)"
  done
}
