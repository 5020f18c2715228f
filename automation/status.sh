# Shows the server, its clients and its databases
# shellcheck shell=bash
use process config http ports house remote table compose place failing

usage() {
  cat <<'TEXT'
Usage: ./resmon status [server|client]… [OPTION]…

Shows which programs run and, for each client: when the server last received
data, the lag of its newest sample, its backlog (samples not yet sent) and how
many samples it dropped. Shows this machine's processes, or the server of
'./resmon deploy server' if no server runs here.

Options:
  --host HOST      programs that deploy installed there, over ssh; may be
                   repeated; default role: client
  --systemd        this machine's units resmon-server and resmon-client, from
                   the Debian packages
  --docker         the containers of compose.yaml
  --all            also the hosts of the other servers (peers.addresses), and
                   which server has each
  --json           facts for programs: http_url, tcp_address, state_dir,
                   token_file,
                   server {pid, version, uptime_seconds, missing_samples,
                   missing_from, missing_to}, null if it is down,
                   services [{where, role, state, pid, version}]; state is up,
                   down, absent or unreachable,
                   clients [{host, up, last_seen_seconds, lag_seconds,
                   backlog_samples, dropped_samples, refused_samples,
                   last_refusal}], with --all also {server, also_on},
                   peers [{name, address, away, reason}] and partial (why hosts
                   are missing; empty: none are),
                   refused_clients [{host, address, code, reason, times, last}]:
                   clients refused within ten minutes,
                   sinks [{name, state, lag_seconds, backlog_samples,
                   refused_samples, lost_samples, last_error, last_error_time,
                   failing_since}]; times in milliseconds since 1970,
                   removed_sinks [{name, backlog_entries}],
                   failing_scripts [{host, script, exit_code}]: those whose last
                   run failed; exit_code is 127 if the program is missing, 126
                   if it may not be executed,
                   alerts [{id, rule, severity, host, state, value_text, since}]
  -h, --help       this text

Exit codes: 0 the server is up (with --host, --systemd or --docker: everything
  asked for is up), 1 it is not, 2 usage, 4 the server or a host does not answer

Examples:
  ./resmon status
  ./resmon status --host web1 --host web2
  ./resmon status --all
  ./resmon status --json | jq -r '.clients[] | select(.up | not) | .host'
TEXT
}

main() {
  local json='' all='' place=house taken
  local -a arguments=() roles=() hosts=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    if [[ $1 == --json ]]; then
      json=yes taken=1
    elif [[ $1 == --all ]]; then
      all=yes taken=1
    else
      take_place "$@" || unknown_argument "$1"
    fi
    shift "$taken"
  done
  have jq || die failed "jq is missing" "'./resmon up' installs it"
  settle_place
  # Filled by look_PLACE: one line of JSON a service; where the server is, and its token where that is in no file.
  local services='' where='' token='' code='done' server=null answer='{"hosts":[]}' alerts='{}' failing='[]' url facts names='null'
  "look_$place"
  [[ -z $where ]] || ask_server
  # On standard input: the answer of a server with 200 hosts is longer than Linux lets an argument be.
  facts=$(
    printf '%s\n' "${where:-null}" "$server" "$answer" "$names" "$alerts" "$failing" "$services" | jq -s '
      . as [$where, $server, $answer, $names, $alerts, $failing] | .[6:] as $services |
      ($where // {}) + {
        server: (if $server then $server | {pid, version, uptime_seconds} + (.store // {} |
          {missing_samples: (.missing_samples // 0), missing_from, missing_to}) else null end),
        services: $services,
        clients: [$answer.hosts[] | select($names == null or (.host as $host | $names | index($host))) |
          {host, up, last_seen_seconds, lag_seconds, backlog_samples, dropped_samples,
            refused_samples: (.refused_samples // 0), last_refusal: (.last_refusal // "")} +
            (if $answer | has("peers") then {server: (.server // $answer.name), also_on: (.also_on // "")} else {} end)],
        peers: [$answer.peers[]?], partial: ($answer.partial // ""),
        refused_clients: [$server.ingest.refused_clients[]? | select($names == null or (.host as $host | $names | index($host)))],
        sinks: [$server.sinks[]? | {name, state, lag_seconds, backlog_samples, refused_samples, lost_samples,
          last_error, last_error_time, failing_since}],
        removed_sinks: [$server.removed_sinks[]?],
        failing_scripts: [$failing[] | select($names == null or (.host as $host | $names | index($host)))],
        alerts: [$alerts.alerts[]? | select(.state != "pending") | {id, rule, severity, host, state, value_text, since}]
      }'
  ) || die failed "the server's answer is not what this version expects" "is another program listening at $url?"
  if [[ -n $json ]]; then
    printf '%s\n' "$facts"
  else
    "show_$([[ $place == house ]] && printf house || printf services)" "$facts"
  fi
  return "$(exit_code "$code")"
}

# worse CODE: keeps the worst exit code so far; unreachable is worse than down.
worse() { [[ $code == connection ]] || code=$1; }

# service WHERE ROLE STATE [PID [VERSION]]: adds one.
service() {
  services+=$(jq -cn --arg where "$1" --arg role "$2" --arg state "$3" --arg pid "${4-}" --arg version "${5-}" \
    '{$where, $role, $state, pid: ($pid | tonumber? // null), version: (if $version == "" then null else $version end)}')$'\n'
  [[ $3 == up ]] || worse failed
}

server_get() {
  if [[ -n $token ]]; then http_get "$url$1" <(printf '%s\n' "$token"); else http_get "$url$1" "$(jq -r .token_file <<<"$where")"; fi
}

# ask_server: sets `server` and `answer` from the one at `where`.
ask_server() {
  url=$(jq -r .http_url <<<"$where")
  [[ $place != house || $code == "done" ]] || return 0
  if ! server=$(server_get /api/v1/server 2>/dev/null) || ! answer=$(server_get "/api/v1/hosts${all:+?all=1}" 2>/dev/null); then
    [[ $place == hosts ]] || worse connection
    server=null
    answer='{"hosts":[]}'
  fi
  # A server whose alerts are off has none.
  [[ $server == null ]] || alerts=$(server_get /api/v1/alerts 2>/dev/null) || alerts='{}'
  [[ $server == null ]] || failing=$(failing_scripts server_get)
}

# ---- places ----

look_house() {
  local role pid
  where=$(endpoints)
  if [[ -s $RESMON_HOME/fleet.json ]] && ! is_running server; then
    where=$(jq --argjson fleet "$(<"$RESMON_HOME/fleet.json")" '. + ($fleet | {http_url, tcp_address})' <<<"$where")
    roles=(client)
  fi
  for role in "${roles[@]}"; do
    if pid=$(pid_of "$role"); then service here "$role" up "$pid"; else service here "$role" down; fi
  done
  # The server decides: a house may have no client of its own.
  code="done"
  if [[ " ${roles[*]} " == *' server '* ]] && ! is_running server; then code=failed; fi
}

look_systemd() {
  local role pid='' state
  [[ -d /run/systemd/system ]] || die failed "systemd does not run on this machine" "without --systemd, processes are used"
  for role in "${roles[@]}"; do
    if ! systemctl cat -- "resmon-$role.service" >/dev/null 2>&1; then
      service systemd "$role" absent
      continue
    fi
    pid=$(systemctl show --property=MainPID --value -- "resmon-$role.service")
    state=down
    if systemctl is-active --quiet -- "resmon-$role.service"; then state=up; fi
    service systemd "$role" "$state" "${pid/#0/}"
  done
  # Of the two packages a machine often has one only.
  [[ $services != *'"state":"up"'* || $services == *'"state":"down"'* ]] || code="done"
  [[ -r /etc/resmon/server.toml ]] || return 0
  where=$(installed_server /etc/resmon/server.toml)
}

# installed_server FILE: where a server with that configuration is.
installed_server() {
  local scheme=http
  [[ $(toml_get "$1" http.tls || true) != true ]] || scheme=https
  jq -n --arg http_url "$scheme://$(dialable "$(toml_get "$1" http.address || printf 127.0.0.1:7412)")" \
    --arg tcp_address "$(dialable "$(toml_get "$1" listen.address || printf 127.0.0.1:7411)")" \
    --arg state_dir "$(toml_get "$1" store.directory || printf /var/lib/resmon/server)" \
    --arg token_file "$(toml_get "$1" auth.token_file || true)" '$ARGS.named'
}

look_docker() {
  local name status health pid code_there policy state bind
  local -a compose=()
  need_docker
  [[ -s $(compose_env_file) ]] || die failed "nothing was started with up --docker: there is no $(compose_env_file)"
  find_compose
  while read -r name status health pid code_there policy; do
    [[ $name =~ ^[a-z0-9_.-]+$ ]] || continue
    # One that had a task, and has done it; docker-compose lists those, too.
    [[ "$status $code_there $policy" != 'exited 0 no' ]] || continue
    state=down
    if [[ $status == running && $health != unhealthy ]]; then state=up; fi
    service docker "$name" "$state" "${pid/#0/}"
  done < <("${compose[@]}" ps -q | xargs -r docker inspect --format \
    '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.Pid}} {{.State.ExitCode}} {{.HostConfig.RestartPolicy.Name}}')
  [[ -n $services ]] || {
    service docker server absent
    return 0
  }
  bind=$(compose_value RESMON_BIND 127.0.0.1)
  where=$(jq -n --arg http_url "http://$(dialable "$bind:$(compose_value RESMON_HTTP_PORT 7412)")" \
    --arg tcp_address "$(dialable "$bind:$(compose_value RESMON_TCP_PORT 7411)")" --arg state_dir "$RESMON_ROOT" \
    --arg token_file "$(compose_env_file)" '$ARGS.named')
  token=$(compose_value RESMON_TOKEN '')
}

look_hosts() {
  local host role status facts running=0 i=0
  directory=$(mktemp -d "${TMPDIR:-/tmp}/resmon-status.XXXXXX")
  trap 'rm -rf -- "$directory"' EXIT
  for host in "${hosts[@]}"; do
    for role in "${roles[@]}"; do
      if ((running >= 10)); then
        wait -n || true
        running=$((running - 1))
      fi
      (
        status=0
        host_verb "$host" "$role" status >"$directory/$i.facts" 2>"$directory/$i.error" || status=$?
        printf '%s' "$status" >"$directory/$i.status"
      ) &
      running=$((running + 1)) i=$((i + 1))
    done
  done
  wait
  i=0 names='[]'
  for host in "${hosts[@]}"; do
    for role in "${roles[@]}"; do
      status=$(<"$directory/$i.status") facts=$(<"$directory/$i.facts")
      if ((status == 255)); then
        service "$host" "$role" unreachable
        worse connection
        say "$host: $(printable "$(tail -n 1 "$directory/$i.error")")"
      elif [[ -z $(fact version "$facts") ]]; then
        service "$host" "$role" absent
      else
        service "$host" "$role" "$( ((status == 0)) && printf up || printf down)" "$(fact pid "$facts")" "$(fact version "$facts")"
      fi
      if [[ $role == client ]]; then names=$(jq -c --arg name "$(fact client "$facts")" '. + [$name]' <<<"$names"); fi
      i=$((i + 1))
    done
  done
  where=$(endpoints)
  if [[ -s $RESMON_HOME/fleet.json ]]; then
    where=$(jq --argjson fleet "$(<"$RESMON_HOME/fleet.json")" '. + ($fleet | {http_url, tcp_address})' <<<"$where")
  fi
}

# ---- for people ----

show_house() {
  local facts=$1
  case $code in
    'done')
      printf 'server   %s  %s\n' "$(paint 1 green up)" \
        "$(jq -r "$(table_filters)"'.server | "pid \(.pid), version \(.version | clean), up for \(.uptime_seconds | span)"' <<<"$facts")"
      ;;
    connection) printf 'server   %s  pid %s\n' "$(paint 1 red 'does not answer')" "$(pid_of server || true)" ;;
    *) printf "server   %s  './resmon up' starts it\n" "$(paint 1 red down)" ;;
  esac
  jq -r "$(table_filters)"'"page     \(.http_url | clean)/", "clients  \(.tcp_address | clean)", "state    \(.state_dir | clean)",
    (select(.server != null and .sinks == []) | "database none")' <<<"$facts"
  [[ $code == "done" ]] || return 0
  show_missing "$facts"
  show_clients "$facts"
  show_refused "$facts"
  show_failing_scripts "$facts"
  show_sinks "$facts"
  show_firing "$facts"
}

show_services() {
  jq -r "$(table_filters)"'
    [["WHERE", "WHAT", "STATE", "PID", "VERSION"]] + [.services[] | [.where, .role, .state, .pid, .version]] | table' <<<"$1"
  show_missing "$1"
  show_clients "$1"
  show_refused "$1"
  show_failing_scripts "$1"
  [[ $place == hosts ]] || show_sinks "$1"
}

# What was acknowledged and got lost with damaged files.
show_missing() {
  jq -e '(.server.missing_samples // 0) > 0' <<<"$1" >/dev/null || return 0
  printf 'missing  %s\n' "$(paint 1 red "$(
    jq -r '.server | "\(.missing_samples) samples; the newest gap is from \(.missing_from / 1000 | floor | todate) to \(.missing_to / 1000 | floor | todate)"' <<<"$1"
  )")"
}

show_clients() {
  jq -e '.clients | length > 0' <<<"$1" >/dev/null || return 0
  printf '\n'
  jq -r "$(table_filters)"'
    any(.clients[]; has("server")) as $all |
    [["HOST", "STATE"] + (if $all then ["SERVER"] else [] end) + ["LAST SEEN", "LAG", "BACKLOG", "DROPPED", "REFUSED"]] +
    [.clients | sort_by(.host | natural)[] | [.host, (if .up then "up" else "down" end)] + (if $all then [.server] else [] end) + [
      (.last_seen_seconds | if . == null then "never" else span + " ago" end), (.lag_seconds | span), .backlog_samples,
      .dropped_samples, .refused_samples]] | table' <<<"$1" | paint_states
  show_peers "$1"
  jq -r "$(table_filters)"'
    .clients | sort_by(.host | natural)[] | select(.last_refusal != "") |
    "\(.host | clean): the server refused samples, the last because of \(.last_refusal | clean)"' <<<"$1"
}

# Servers that do not answer, and names that two of them have.
show_peers() {
  local line
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 red away:)" "$line"
  done < <(jq -r "$(table_filters)"'.peers[]? | select(.away) | "\(.name | clean): \(.reason | clean); hosts may be missing here"' <<<"$1")
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 red twice:)" "$line"
  done < <(jq -r "$(table_filters)"'.clients | sort_by(.host | natural)[] | select((.also_on // "") != "") |
    "two clients use the name \(.host | clean), on \(.server | clean) and on \(.also_on | clean): their samples mix"' <<<"$1")
}

# Who wants to come in and may not.
show_refused() {
  local line
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 red refused:)" "$line"
  done < <(jq -r "$(table_filters)"'.refused_clients[] |
    "\(.host | clean) from \(.address | clean), \([now - .last / 1000, 0] | max | span) ago: \(.code | clean): \(.reason | clean)"' <<<"$1")
}

show_failing_scripts() {
  local line
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 red failing:)" "$line"
  done < <(jq -c '.failing_scripts[]' <<<"$1" | failing_words)
}

show_sinks() {
  if jq -e '.sinks | length > 0' <<<"$1" >/dev/null; then
    printf '\n'
    jq -r "$(table_filters)"'
      [["DATABASE", "STATE", "LAG", "BACKLOG", "REFUSED", "LOST"]] +
      [.sinks[] | [.name, .state, (.lag_seconds | if . == null then "-" else span end),
        .backlog_samples, .refused_samples, .lost_samples]] | table' <<<"$1"
  fi
  show_sink_trouble "$1"
}

show_firing() {
  local line
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 red firing:)" "$line"
  done < <(jq -r "$(table_filters)"'.alerts[] | "\(.rule | clean) on \(if .host == "" then "the server" else .host | clean end) for \(now - .since / 1000 | span)\(if .value_text == "" then "" else ": " + (.value_text | clean) end)"' <<<"$1")
}

# What keeps a database from getting its samples, and which is no longer configured.
show_sink_trouble() {
  local line
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 red failing:)" "$line"
  done < <(jq -r "$(table_filters)"'.sinks[] | select(.failing_since != null) |
    "\(.name | clean), for \(now - .failing_since / 1000 | span): \(.last_error | clean)"' <<<"$1")
  while IFS= read -r line; do
    printf '%s %s\n' "$(paint 1 yellow removed:)" "$line"
  done < <(jq -r "$(table_filters)"'.removed_sinks[]? |
    "\(.name | clean) is no longer configured; \(.backlog_entries) entries that waited for it were dropped"' <<<"$1")
}
