# Stops everything that up and simulate --detach started
# shellcheck shell=bash
use process house compose

usage() {
  cat <<'TEXT'
Usage: ./resmon down [--docker]

Stops the simulated clients, this machine's client and then the server. It
waits for each and kills a program that does not stop in time. Data,
configuration and logs stay.

Options:
  --docker     stop what 'up --docker' started; its data, .env and images stay
  -h, --help   this text

Exit codes: 0 nothing runs any more, 1 something could not be stopped, 2 usage

Examples:
  ./resmon down
  ./resmon down --docker
  RESMON_HOME=/tmp/second ./resmon down
TEXT
}

main() {
  if [[ ${1-} == --docker ]]; then
    (($# == 1)) || unknown_argument "$2"
    down_docker
    return
  fi
  (($# == 0)) || unknown_argument "$1"
  if [[ ! -d $RESMON_HOME/run ]]; then
    say "nothing is running"
    return 0
  fi
  take_lock 20
  stopped=0
  stop_all
  ((stopped > 0)) || say "nothing is running"
}
