#!/usr/bin/env bash
# The page in chromium: bytes, first paint, a day of one host, frames with 1,000 live hosts
#
# One run on a scratch server with real, simulated clients; page.mjs measures and says how.
set -euo pipefail

RESMON_ROOT=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
export RESMON_ROOT
# shellcheck source=automation/lib/common.sh
source "$RESMON_ROOT/automation/lib/common.sh"
use packages
subcommand='bench page'

usage() {
  cat <<'TEXT'
Usage: ./resmon bench page [--json] [OPTION]…

The web page from the real server in Debian's chromium (without a graphics
card): bytes over the wire, first paint, a host page with a day of data, and
frame times of the fleet with many live hosts, standing still and scrolling.

Options:
  --json       figures for programs instead of a table
  --hosts N    live hosts; default 1000
  --seconds N  measured for each kind of frames; default 15
  --rounds N   loads for each figure of loading; default 9
  --soak N     instead: N hours of open pages, 60 times as fast, after 16
               minutes in which ranges fill: whether their memory stays flat,
               and what became more and what keeps it (two pictures of the heap
               compared)
  -h, --help   this text

Exit codes: 0 done, 1 failed, 2 usage
TEXT
}

main() {
  local -a options=()
  local program=page.mjs
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --json) options+=(--json) ;;
      --hosts | --seconds | --rounds)
        need_value "$1" $#
        check_number "$1" "$2" 1 100000
        options+=("$1" "$2")
        shift
        ;;
      --soak)
        need_value "$1" $#
        check_number "$1" "$2" 1 1000
        program=page_soak.mjs
        options+=(--hours "$2")
        shift
        ;;
      -h | --help)
        usage
        return
        ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  [[ -n ${RESMON_NO_INSTALL-} ]] || install_packages browser
  [[ -d $RESMON_ROOT/web/node_modules ]] || (cd "$RESMON_ROOT/web" && npm ci --no-progress --loglevel=error >/dev/null)
  exec node "$RESMON_ROOT/bench/$program" "${options[@]}"
}

declare -a arguments=()
main "$@"
