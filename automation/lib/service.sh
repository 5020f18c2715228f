# start, stop and restart: the same words for this house's processes, systemd's units, compose, and hosts that deploy has been to.
# shellcheck shell=bash
use build compose house place process remote

service_usage() {
  local verb=$1 what=$2
  cat <<TEXT
Usage: ./resmon $verb [server|client]… [OPTION]…

$what

Options:
  --host HOST      on that machine over ssh, if deploy installed it there; may
                   be repeated; the role is then client by default
  --systemd        the units resmon-server and resmon-client of this machine
  --docker         the containers of compose.yaml
  -h, --help       this text

Without a role: both, if they are configured. While the server is down, clients
keep their samples and send them later.

Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 a host could not be
  reached

Examples:
  ./resmon $verb
  ./resmon $verb server
  ./resmon $verb client --host web1 --host web2
  ./resmon $verb --systemd
TEXT
}

service_main() {
  local verb=$1 place=house taken
  local -a arguments=() roles=() hosts=()
  shift
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    take_place "$@" || unknown_argument "$1"
    shift "$taken"
  done
  settle_place
  "service_$place"
}

service_hosts() {
  local host role status failures=0 unreachable=0 answer
  for host in "${hosts[@]}"; do
    for role in "${roles[@]}"; do
      status=0
      answer=$(host_verb "$host" "$role" "$verb" 2>&1) || status=$?
      if ((status == 0)); then
        say "$host: $role: $verb done$(printable "${answer:+ (${answer//$'\n'/, })}")"
      else
        say "$host: $role: $(printable "$(tail -n 1 <<<"$answer")")"
        failures=$((failures + 1))
        ((status != 255)) || unreachable=$((unreachable + 1))
      fi
    done
  done
  ((failures == 0)) || return "$(if ((unreachable)); then exit_code connection; else exit_code failed; fi)"
}

service_systemd() {
  local role
  local -a run=() units=()
  [[ -d /run/systemd/system ]] || die failed "systemd does not run on this machine" "without --systemd, processes are used"
  for role in "${roles[@]}"; do
    if systemctl cat -- "resmon-$role.service" >/dev/null 2>&1; then units+=("resmon-$role.service"); fi
  done
  ((${#units[@]})) || die failed "no unit resmon-${roles[0]}.service is installed" "install the Debian package, or ./resmon install"
  ((EUID == 0)) || run=(sudo)
  "${run[@]}" systemctl "$verb" -- "${units[@]}" || die failed "systemctl $verb failed" "journalctl -u ${units[0]}"
  say "$verb: ${units[*]}"
}

service_docker() {
  [[ -e $RESMON_ROOT/compose.yaml ]] || die failed "this version has no compose.yaml"
  run_compose "$verb"
}

# check_restart: fails before anything is stopped if a program would not start again with its configuration.
check_restart() {
  local role kept=''
  for role in "${roles[@]}"; do
    ! is_running "$role" || kept=${kept:+${kept% continues} and }"$role continues"
  done
  [[ $kept != *' and '* ]] || kept=${kept%s}
  for role in "${roles[@]}"; do
    need_config "$role"
    check_config "$RESMON_BUILD_DIR/bin/resmon-$role" "$RESMON_HOME/$role.toml" \
      "nothing was stopped${kept:+: $kept with the old configuration}"
  done
}

service_house() {
  local role
  take_lock 60
  [[ $verb == stop ]] || need_binaries yes
  [[ $verb != restart ]] || check_restart
  if [[ $verb != start ]]; then
    # Clients first, so that the server takes in what they still send.
    for role in client server; do
      [[ " ${roles[*]} " == *" $role "* ]] || continue
      if is_running "$role"; then
        stop_process "$role" 30
        say "stopped $role"
      elif [[ $verb == stop ]]; then
        say "$role does not run"
      fi
    done
    if [[ $verb == stop ]] && ! is_running server; then rm -f -- "$RESMON_HOME/run/endpoints.json"; fi
  fi
  [[ $verb != stop ]] || return 0
  for role in server client; do
    [[ " ${roles[*]} " != *" $role "* ]] || start_program "$role"
  done
  [[ $verb != restart ]] || update_simulated_tls
}
