# Runs N simulated clients against the server
# shellcheck shell=bash
use process config http build house

usage() {
  cat <<'TEXT'
Usage: ./resmon simulate N [OPTION]… [-- RESMON-LOAD-OPTION…]

Runs N simulated clients, in the foreground until Ctrl-C. They send realistic
values, generated from a seed, over the real protocol. The first ten also send
the output of the example collectors in bash about this machine, every 30 s.

Options:
  --detach            in the background; './resmon down' stops it
  --server ADDRESS    HOST:PORT; default the server of './resmon up'
  --token-file FILE   default the token of './resmon up'
  --interval D        time between two samples of a client, such as 1s; default
                      5s
  --seed N            the same seed gives the same values; default 1
  --name-prefix TEXT  the beginning of the clients' names; default load- ('up'
                      uses sim-)
  --scripts           also run a real client, named PREFIXscripts, whose only
                      collectors are the bash scripts in automation/collectors;
                      only with --detach
  --no-build          use the program that is already built
  -h, --help          this text
Arguments after -- go to resmon-load.

Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 no server

Examples:
  ./resmon simulate 100
  ./resmon simulate 1000 --interval 1s --detach
  ./resmon simulate 10 --server db1.example.org:7411 --token-file token
TEXT
}

main() {
  local count='' detach='' server='' token='' interval=5s seed=1 prefix=load- scripts='' no_build=${RESMON_NO_BUILD-}
  local -a arguments=() extra=() command
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --detach) detach=yes ;;
      --scripts) scripts=yes ;;
      --no-build) no_build=yes ;;
      --server | --token-file | --interval | --seed | --name-prefix)
        need_value "$1" $#
        case $1 in
          --server) server=$2 ;;
          --token-file) token=$2 ;;
          --interval) interval=$2 ;;
          --seed) seed=$2 ;;
          --name-prefix) prefix=$2 ;;
        esac
        shift
        ;;
      --)
        extra=("${@:2}")
        break
        ;;
      -*) unknown_argument "$1" ;;
      *)
        [[ -z $count ]] || unknown_argument "$1"
        count=$1
        ;;
    esac
    shift
  done
  [[ -n $count ]] || die usage "how many? ./resmon simulate N"
  check_number N "$count" 1 1000000
  [[ $interval =~ ^[0-9]+(ms|s|m|h)$ ]] || die usage "--interval must be a time such as 500ms or 5s, not '$(printable "$interval")'"
  check_number --seed "$seed" 0 999999999
  if [[ -z $server ]]; then
    is_running server || die connection "no server is running" "'./resmon up' starts one, --server HOST:PORT names another"
    server=$(jq -r .tcp_address <<<"$(endpoints)")
  fi
  [[ -n $token ]] || token=$(token_file)
  [[ -r $token ]] || die configuration "the token file $(printable "$token") cannot be read"
  token=$(realpath -- "$token")
  [[ -z $scripts || -n $detach ]] || die usage "--scripts goes with --detach"
  local -a examples=() tls=()
  script_examples
  client_tls
  make_home
  need_binaries "$no_build"
  command=("$RESMON_BUILD_DIR/bin/resmon-load" --server "$server" --token-file "$token" --clients "$count"
    --interval "$interval" --seed "$seed" --name-prefix "$prefix" "${examples[@]}" "${tls[@]}")
  if [[ -z $detach ]]; then
    say "simulating $count clients against $(printable "$server"); Ctrl-C stops"
    exec "${command[@]}" "${extra[@]}"
  fi
  take_lock 20
  ! is_running simulate || die failed "simulated clients are running already (pid $(pid_of simulate))" "./resmon down stops them"
  start simulate "${command[@]}" --set "log.file=$RESMON_HOME/log/simulate.log" "${extra[@]}"
  sleep 0.5
  is_running simulate || explain_exit simulate
  if [[ -n $scripts ]]; then
    scripts_config "$prefix" "$server" "$token" "$interval"
    start scripts "$RESMON_BUILD_DIR/bin/resmon-client" --config "$RESMON_HOME/scripts.toml"
  fi
  say "simulating $count clients against $(printable "$server") (pid $(pid_of simulate)); './resmon down' stops them"
}

# scripts_config PREFIX SERVER TOKEN INTERVAL: a client whose only collectors are the examples in bash.
scripts_config() {
  local file=$RESMON_HOME/scripts.toml name
  begin_config "$file" "$RESMON_BUILD_DIR/bin/resmon-client"
  toml_set "$file" client.host "$(toml_string "${1}scripts")"
  toml_set "$file" client.servers "[$(toml_string "$2")]"
  toml_set "$file" client.token_file "$(toml_string "$3")"
  toml_set "$file" client.interval "$(toml_string "$4")"
  toml_set "$file" spool.directory "$(toml_string "$RESMON_HOME/spool-scripts")"
  toml_set "$file" log.file "$(toml_string "$RESMON_HOME/log/scripts.log")"
  if [[ $(setting "$(client_config)" tls.enabled false) == true ]]; then
    toml_set "$file" tls.enabled true
    toml_set "$file" tls.ca_file "$(toml_string "$(setting "$(client_config)" tls.ca_file '')")"
  fi
  while read -r name _; do
    # One native collector stays: it is the heartbeat.
    [[ $name == script.* || $name == system ]] || toml_set "$file" "collector.$name.enabled" false
  done < <("$RESMON_BUILD_DIR/bin/resmon-client" --list-collectors)
  script_collectors "$file"
}
