# The processes of one RESMON_HOME: server, this machine's client, simulated clients. Started bottom up, stopped top down.
# shellcheck shell=bash
use config http process

# What this very command started and so must end if it is interrupted or fails, in starting order; and the pids, to wait for.
started=()
stopped=0
declare -gA words_from=() # where in NAME.stderr this command's begin
declare -gA started_pids=()

# start NAME COMMAND…: starts a program that does not run yet. Programs write their own log; their output before that is in NAME.stderr.
start() {
  local name=$1 pid
  shift
  if pid=$(pid_of "$name"); then
    [[ $(readlink "/proc/$pid/exe" 2>/dev/null) != *' (deleted)' ]] ||
      warn "$name (pid $pid) runs an older build; './resmon down' and './resmon up' change to the new one"
    say "$name is already running (pid $pid)"
    return 0
  fi
  begin_words "$name"
  started+=("$name")
  spawn "$name" "$RESMON_HOME/log/$name.stderr" "$@"
  started_pids[$name]=$!
}

# begin_words NAME: what is in its NAME.stderr stays, for an administrator's first password is told once; over 1 MiB it begins anew beside its old.
begin_words() {
  local file=$RESMON_HOME/log/$1.stderr
  if (($(stat -c %s -- "$file" 2>/dev/null || printf 0) > 1048576)); then mv -f -- "$file" "$file.1"; fi
  : >>"$file"
  chmod 0600 -- "$file"
  words_from[$1]=$(stat -c %s -- "$file")
}

# last_words NAME: its output since this command started it.
last_words() {
  tail -c "+$((${words_from[$1]-0} + 1))" -- "$RESMON_HOME/log/$1.stderr" >"$RESMON_HOME/run/$1.words" 2>/dev/null || true
  tail_of "$RESMON_HOME/run/$1.words" "${2:-15}"
  rm -f -- "$RESMON_HOME/run/$1.words"
}

# explain_exit NAME: NAME, just started, has ended: shows its last words and fails with its code where the contract names it.
explain_exit() {
  local name=$1 status=0
  wait "${started_pids[$name]-0}" || status=$?
  progress_end
  last_words "$name"
  tail_of "$RESMON_HOME/log/$name.log" 8
  case $status in
    3) die configuration "$name ended at once: its configuration has an error" ;;
    4) die connection "$name ended at once: it could not connect" ;;
    5) die damaged "$name ended at once: stored data is damaged" ;;
    *) die failed "$name ended at once (exit code $status)" ;;
  esac
}

# undo_start: stops the programs that this command started, the last one first.
undo_start() {
  local i
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do stop_process "${started[i]}" 10; done
  started=()
}

# end_jobs: ends every child of this shell that still runs, with its group: a build, or a program whose pid file was not written
# yet when the signal came.
end_jobs() {
  local pid
  for pid in $(jobs -pr); do
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || true
  done
}

# stop_all: stops every program of this state directory; the server last, so that it receives the clients' last samples.
stop_all() {
  local name pid
  while read -r name <&"$names_descriptor"; do
    if pid=$(pid_of "$name"); then
      progress "stopping $name (pid $pid)…"
      stop_process "$name" 12
      progress_end
      say "stopped $name"
      stopped=$((stopped + 1))
    else
      rm -f -- "$(pid_file "$name")"
    fi
  done {names_descriptor}< <(running_names)
  rm -f -- "$RESMON_HOME/run/endpoints.json"
}

# endpoints: where the running server answers, as written when it was started; else as the configuration has it.
endpoints() {
  if is_running server && [[ -s $RESMON_HOME/run/endpoints.json ]]; then
    cat -- "$RESMON_HOME/run/endpoints.json"
  else
    describe_endpoints
  fi
}

# server_url: of the server that runs here, or of the one that deploy made where there is none here.
server_url() {
  if [[ -s $RESMON_HOME/fleet.json ]] && ! is_running server; then
    jq -r .http_url "$RESMON_HOME/fleet.json"
  else
    jq -r .http_url <<<"$(endpoints)"
  fi
}

describe_endpoints() {
  jq -n --arg http_url "$(http_url)" --arg tcp_address "$(dialable "$(tcp_address)")" --arg state_dir "$RESMON_HOME" \
    --arg token_file "$(token_file)" '$ARGS.named'
}

# wait_ready: until the server, just started, answers that it is.
wait_ready() {
  local url deadline=$((SECONDS + ${RESMON_UP_TIMEOUT:-30})) began=$SECONDS
  url=$(jq -r .http_url <<<"$(endpoints)")
  progress "waiting for the server at $url"
  until http_get "$url/readyz" "$(token_file)" >/dev/null 2>&1; do
    is_running server || explain_exit server
    if ((SECONDS > deadline)); then
      last_words server
      tail_of "$RESMON_HOME/log/server.log"
      die failed "the server is not ready after $((SECONDS - began)) s"
    fi
    sleep 0.1
  done
  progress_end
  tell_removed_sinks "$url"
}

# tell_removed_sinks URL: the databases that the server no longer found in its configuration, and what waited for them.
tell_removed_sinks() {
  local line
  while IFS= read -r line; do
    warn "$(printable "$line")"
  done < <(http_get "$1/api/v1/server" "$(token_file)" 2>/dev/null | jq -r '.removed_sinks[]? |
    "the database \(.name) is no longer configured; \(.backlog_entries) journal entries that waited for it are dropped"' 2>/dev/null)
}

# need_config server|client: fails if the program has no configuration yet.
need_config() {
  [[ -s $RESMON_HOME/$1.toml ]] || die configuration "$RESMON_HOME/$1.toml is not there yet" "'./resmon up' or './resmon configure' writes it"
}

# start_program server|client: as the configuration has it; this command does not end it again.
start_program() {
  local program=$RESMON_BUILD_DIR/bin/resmon-$1 config=$RESMON_HOME/$1.toml
  need_config "$1"
  keep_given
  check_config "$program" "$config"
  start "$1" "$program" --config "$config"
  if [[ " ${started[*]-} " == *" $1 "* ]]; then
    if [[ $1 == server ]]; then
      describe_endpoints | write_private "$RESMON_HOME/run/endpoints.json"
      wait_ready
    else
      sleep 0.3
      is_running "$1" || explain_exit "$1"
    fi
    say "started $1 (pid $(pid_of "$1"))"
  fi
}

# start_again NAME [OPTION…]: stops the process and starts the same command, with the options added.
start_again() {
  local -a command=()
  mapfile -d '' -t command <"/proc/$(pid_of "$1")/cmdline"
  stop_process "$1" 12
  start "$1" "${command[@]}" "${@:2}"
}

# update_simulated_tls: starts simulated clients again that were started before this machine's clients used TLS; the server refuses them.
update_simulated_tls() {
  local name
  local -a tls=()
  client_tls
  ((${#tls[@]})) || return 0
  for name in load simulate; do
    is_running "$name" || continue
    ! tr '\0' '\n' <"/proc/$(pid_of "$name")/cmdline" | grep -qx 'tls.enabled=true' || continue
    start_again "$name" "${tls[@]}"
    say "restarted the simulated clients with TLS (pid $(pid_of "$name"))"
  done
}
