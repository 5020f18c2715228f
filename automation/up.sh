# Installs, builds, configures and starts everything on this machine
# shellcheck shell=bash
use process packages build config http ports house compose

usage() {
  cat <<'TEXT'
Usage: ./resmon up [OPTION]…

From a fresh clone to a page that shows this machine:

  1. installs missing Debian packages (apt; with sudo if you are not root);
  2. builds: about 8 minutes on 2 cores the first time;
  3. writes a first configuration with a random token;
  4. starts the server, this machine's client and two simulated clients;
  5. waits until the page shows the data of all of them.

A second run builds what changed and starts only what does not run.

Options:
  --clients N         how many simulated clients; default 2, 0 for none
  --http-port PORT    the page's port, saved in server.toml; default 7412
  --tcp-port PORT     the clients' port, saved in server.toml and client.toml;
                      default 7411
  --no-build          use the programs that are already built; install no
                      packages that only a build needs
  --docker            the same with Docker Compose, InfluxDB 2 and Grafana;
                      needs a running Docker, and allows no other option
  -h, --help          this text

Environment:
  RESMON_HOME         state directory; default .resmon in the repository
  RESMON_BUILD_DIR    build directory; default build in the repository
  RESMON_UP_TIMEOUT   seconds to wait for the server (default 30), and for the
                      first data (default 60, plus twice the client's interval)
  RESMON_ENV_FILE     with --docker: another .env, for a second system;
                      RESMON_EXTRA_CA_FILE: a certificate authority (PEM) to
                      trust while building; docs/docker.md has more
  RESMON_*            configuration keys, such as RESMON_HTTP_ADDRESS
  INFLUX_URL, INFLUX_TOKEN, INFLUX_ORG, INFLUX_BUCKET
                      a database to which all samples are forwarded.
                      RESMON_* and INFLUX_* are saved in server.toml and
                      client.toml, secrets in files of their own, so that a
                      later restart from another shell uses them, too

Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 could not connect,
  5 damaged data

Examples:
  ./resmon up
  ./resmon up --clients 50
  ./resmon up --docker
  ./resmon up --http-port 8412 --tcp-port 8411
  RESMON_HOME=/tmp/second ./resmon up --http-port 8412 --tcp-port 8411
TEXT
}

readonly simulated_prefix=sim-

main() {
  local simulated='' http_port='' tcp_port='' docker='' no_build=${RESMON_NO_BUILD-}
  local -a arguments=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --clients)
        need_value "$1" $#
        check_number "$1" "$2" 0 100000
        simulated=$2
        shift
        ;;
      --http-port | --tcp-port)
        need_value "$1" $#
        check_number "$1" "$2" 1 65535
        if [[ $1 == --http-port ]]; then http_port=$2; else tcp_port=$2; fi
        shift
        ;;
      --docker) docker=yes ;;
      --no-build) no_build=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  [[ -z ${RESMON_UP_TIMEOUT-} ]] || check_number RESMON_UP_TIMEOUT "$RESMON_UP_TIMEOUT" 1 86400
  if [[ -n $docker ]]; then
    [[ -z $simulated$http_port$tcp_port ]] ||
      die usage "--docker takes no other option; ports are set in .env, see docs/docker.md"
    up_docker
    return
  fi

  trap 'interrupted INT' INT
  trap 'interrupted TERM' TERM
  trap 'interrupted HUP' HUP
  trap 'tell_first_user; undo_start; end_jobs' EXIT
  take_lock 1800
  need_disk "$no_build"
  if [[ -n $no_build ]]; then install_packages base; else install_packages base build node; fi
  need_binaries "$no_build"
  configure_first "$http_port" "$tcp_port"
  start_all "$simulated"
  trap - INT TERM HUP EXIT
  report
}

# What was begun is ended, whatever it was; a second signal does not cut that short.
interrupted() {
  trap '' INT TERM HUP
  progress_end
  say "interrupted; stopping the programs that this command started"
  tell_first_user
  undo_start
  end_jobs
  trap - "$1" EXIT
  kill "-$1" "$$"
}

# The user exists even if `up` fails, so the password is shown in any case.
tell_first_user() {
  [[ -z ${first_user-} ]] ||
    say "made the user ${first_user%%$'\t'*} with the password ${first_user##*$'\t'} (shown only now; resmon-server passwd sets another)"
}

# need_disk NO_BUILD: fails where the disk is too full to build, or for the server to store anything.
need_disk() {
  local free
  free=$(free_mebibytes "$RESMON_BUILD_DIR")
  if [[ -z $1 && ! -x $RESMON_BUILD_DIR/bin/resmon-server ]] && ((free < 1500)); then
    die failed "only $free MiB are free for the build in $RESMON_BUILD_DIR; it needs 1500" "free some space, or RESMON_BUILD_DIR=DIRECTORY on a larger disk"
  fi
  free=$(free_mebibytes "$RESMON_HOME")
  ((free >= 200)) ||
    die failed "only $free MiB are free for $RESMON_HOME; at least 200 are needed" "free some space, or RESMON_HOME=DIRECTORY on a larger disk"
}

configure_first() {
  local http_port=$1 tcp_port=$2 host=127.0.0.1
  local -a config_written=()
  ensure_config "${http_port:+$host:$http_port}" "${tcp_port:+$host:$tcp_port}"
  ((${#config_written[@]} == 0)) || say "wrote ${config_written[*]} in $RESMON_HOME"
  if [[ -n $http_port ]]; then
    unset RESMON_HTTP_ADDRESS
    keep_port "$(server_config)" http.address "$http_port"
  fi
  if [[ -n $tcp_port ]]; then
    unset RESMON_LISTEN_ADDRESS RESMON_CLIENT_SERVERS
    keep_port "$(server_config)" listen.address "$tcp_port"
    keep_servers "$(dialable "$(tcp_address)")"
  elif [[ -n ${RESMON_LISTEN_ADDRESS-} && -z ${RESMON_CLIENT_SERVERS-} ]]; then
    RESMON_CLIENT_SERVERS=$(dialable "$RESMON_LISTEN_ADDRESS")
    export RESMON_CLIENT_SERVERS
  fi
  port_of "$(http_address)" >/dev/null ||
    die configuration "http.address in $(server_config) is '$(printable "$(http_address)")', not HOST:PORT"
  port_of "$(tcp_address)" >/dev/null ||
    die configuration "listen.address in $(server_config) is '$(printable "$(tcp_address)")', not HOST:PORT"
  keep_given
  check_config "$RESMON_BUILD_DIR/bin/resmon-server" "$(server_config)"
  check_config "$RESMON_BUILD_DIR/bin/resmon-client" "$(client_config)"
}

# keep_port FILE KEY PORT: an address asked for by flag goes into the file, so that the next command finds the server.
keep_port() {
  local address
  address=$(toml_get "$1" "$2") || address=127.0.0.1:0
  [[ ${address##*:} != "$3" ]] || return 0
  refuse_while_running "$2"
  backup "$1"
  toml_set "$1" "$2" "$(toml_string "${address%:*}:$3")"
}

keep_servers() {
  local wanted
  wanted="[$(toml_string "$1")]"
  [[ $(toml_get "$(client_config)" client.servers || true) != "$wanted" ]] || return 0
  backup "$(client_config)"
  toml_set "$(client_config)" client.servers "$wanted"
}

refuse_while_running() {
  ! is_running server || die failed "the server is running on another port than the one asked for ($1)" "./resmon down first"
}

# need_port PORT OPTION: fails with the name of the holder when somebody else listens there.
need_port() {
  local holder
  port_taken "$1" || return 0
  holder=$(port_holder "$1")
  die failed "port $1 is taken${holder:+ by $(printable "$holder")}" \
    "stop that program, or choose another port: ./resmon up $2 PORT" \
    "if it is a resmon of another state directory, RESMON_HOME says which"
}

start_all() {
  local simulated=$1 bin=$RESMON_BUILD_DIR/bin interval began running=''
  interval=$(setting "$(client_config)" client.interval 5s)
  if ! is_running server; then
    need_port "$(port_of "$(http_address)")" --http-port
    need_port "$(port_of "$(tcp_address)")" --tcp-port
  fi
  # The first administrator's password is shown to whoever stands here, not to a log file.
  if ! is_running server; then
    first_user=$("$bin/resmon-server" --config "$(server_config)" user init </dev/null 2>/dev/null) || first_user=''
  fi
  start server "$bin/resmon-server" --config "$(server_config)"
  if [[ ${started[*]-} == server ]]; then
    describe_endpoints | write_private "$RESMON_HOME/run/endpoints.json"
  fi
  wait_ready
  began=$SECONDS
  start client "$bin/resmon-client" --config "$(client_config)"
  if is_running load; then running=$(<"$RESMON_HOME/run/load.clients") || running=; fi
  simulated=${simulated:-${running:-2}}
  if [[ -n $running && $running != "$simulated" ]]; then
    say "changing from $running simulated clients to $simulated"
    stop_process load 12
  fi
  if ((simulated > 0)); then
    printf '%s\n' "$simulated" | write_private "$RESMON_HOME/run/load.clients"
    local -a examples=() tls=()
    script_examples
    client_tls
    start load "$bin/resmon-load" --server "$(jq -r .tcp_address <<<"$(endpoints)")" --token-file "$(token_file)" \
      --clients "$simulated" --name-prefix "$simulated_prefix" --interval "$interval" --seed 1 \
      "${examples[@]}" "${tls[@]}" --set "log.file=$RESMON_HOME/log/load.log"
  fi
  wait_visible "$simulated" "$(seconds_of "$interval" 5)" "$began"
}

# wait_visible SIMULATED INTERVAL BEGAN: until this machine and all simulated clients are up with data that is new. What the
# server remembers of an earlier run does not count: last seen must lie after the clients' start. Nor does a connection that has
# brought no sample yet: the page would still be empty.
wait_visible() {
  local simulated=$1 interval=$2 began=$3 url seen oldest deadline machine count hosts name last=''
  url=$(jq -r .http_url <<<"$(endpoints)")
  deadline=$((SECONDS + ${RESMON_UP_TIMEOUT:-$((60 + 2 * interval))}))
  while :; do
    oldest=$((2 * interval + 5))
    if [[ " ${started[*]-} " == *' client '* || " ${started[*]-} " == *' load '* ]]; then oldest=$((SECONDS - began + 1)); fi
    hosts=$(http_get "$url/api/v1/hosts" "$(token_file)" 2>/dev/null) || hosts='{"hosts":[]}'
    seen=$(jq -r --arg host "$(client_host)" --arg prefix "$simulated_prefix" --argjson oldest "$oldest" '
      [.hosts[] | select(.up and .received_samples > 0 and (.last_seen_seconds // 1e9) <= $oldest) | .host] |
      "\(if index([$host]) then 1 else 0 end) \(map(select(startswith($prefix) and . != $host)) | length)"' <<<"$hosts" \
      2>/dev/null) || seen='0 0'
    read -r machine count <<<"$seen"
    if ((machine == 1 && count >= simulated)); then break; fi
    for name in server client load; do
      if [[ $name != load || $simulated -gt 0 ]] && ! is_running "$name"; then explain_exit "$name"; fi
    done
    if ((SECONDS > deadline)); then
      tail_of "$RESMON_HOME/log/client.stderr" 5
      tail_of "$RESMON_HOME/log/client.log" 5
      tail_of "$RESMON_HOME/log/load.stderr" 5
      tail_of "$RESMON_HOME/log/server.log" 5
      die failed "no data of every client after $((SECONDS - began)) s: this machine $machine of 1, simulated $count of $simulated"
    fi
    if [[ $seen != "$last" ]]; then
      progress "waiting for data: this machine $machine of 1, simulated $count of $simulated"
      last=$seen
    fi
    sleep 0.2
  done
  progress_end
}

report() {
  local url
  url=$(jq -r .http_url <<<"$(endpoints)")
  printf 'resmon is up after %d s: %s\n' "$SECONDS" "$(paint 1 bold "$url/")"
  if [[ -n ${first_user-} ]]; then
    printf '  sign in as          %s with the password %s (shown only now; resmon-server passwd sets another)\n' \
      "${first_user%%$'\t'*}" "$(paint 1 bold "${first_user##*$'\t'}")"
  fi
  printf '  clients connect to  %s\n' "$(jq -r .tcp_address <<<"$(endpoints)")"
  printf '  state and token in  %s\n' "$RESMON_HOME"
  printf '  see                 ./resmon status, ./resmon logs --follow\n'
  printf '  stop                ./resmon down\n'
}
