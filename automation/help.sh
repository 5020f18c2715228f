# Lists the subcommands, or explains one
# shellcheck shell=bash

usage() {
  cat <<'TEXT'
Usage: ./resmon SUBCOMMAND [ARGUMENT]…

TEXT
  local file name
  for file in "$RESMON_ROOT"/automation/*.sh; do
    name=${file##*/}
    printf '  %-10s %s\n' "${name%.sh}" "$(sed -n '1s/^# //p' "$file")"
  done
  cat <<'TEXT'

'./resmon SUBCOMMAND --help' explains one, with examples. State is under
$RESMON_HOME, by default .resmon in the repository.

Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 could not connect,
  5 damaged data

Examples:
  ./resmon up           install, build, start; prints the address of the page
  ./resmon test         run the tests
  ./resmon down         stop everything
TEXT
}

main() {
  case ${1-} in
    '') usage ;;
    --version)
      [[ ! -e $RESMON_ROOT/version ]] || cat -- "$RESMON_ROOT/version"
      [[ ! -e $RESMON_ROOT/CMakeLists.txt ]] || sed -nE 's/^project\(resmon VERSION ([0-9.]+).*/resmon \1/p' "$RESMON_ROOT/CMakeLists.txt"
      ;;
    *)
      (($# == 1)) || unknown_argument "$2"
      exec "$RESMON_ROOT/resmon" "$1" --help
      ;;
  esac
}
