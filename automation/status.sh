# Shows the server, its clients and its databases
# shellcheck shell=bash
use process config http house table

usage() {
  cat <<'TEXT'
Usage: ./resmon status [--json]

Options:
  --json       facts for programs: http_url, tcp_address, state_dir, token_file, server {pid, version, uptime_seconds},
               clients [{host, up, last_seen_seconds, backlog_samples, dropped_samples}],
               sinks [{name, state, lag_seconds, refused_samples}]; server is null when it is down
  -h, --help   this text

Exit codes: 0 the server is up, 1 the server is down, 2 usage, 4 the server runs but does not answer

Examples:
  ./resmon status
  ./resmon status --json | jq -r '.clients[] | select(.up | not) | .host'
  curl -H @<(printf 'Authorization: Bearer %s' "$(head -n 1 "$(./resmon status --json | jq -r .token_file)")") \
    "$(./resmon status --json | jq -r .http_url)/api/v1/hosts"
TEXT
}

main() {
  local json=
  while (($#)); do
    case $1 in
      --json) json=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  have jq || die failed "jq is missing" "'./resmon up' installs it"
  local where server=null hosts='{"hosts":[]}' url facts code="done"
  where=$(endpoints)
  url=$(jq -r .http_url <<<"$where")
  if ! is_running server; then
    code=failed
  elif ! server=$(http_get "$url/api/v1/server" "$(jq -r .token_file <<<"$where")" 2>/dev/null) ||
    ! hosts=$(http_get "$url/api/v1/hosts" "$(jq -r .token_file <<<"$where")" 2>/dev/null); then
    code=connection
    server=null
    hosts='{"hosts":[]}'
  fi
  facts=$(
    jq -n --argjson where "$where" --argjson server "$server" --argjson hosts "$hosts" '
      $where + {
        server: (if $server then $server | {pid, version, uptime_seconds} else null end),
        clients: [$hosts.hosts[] | {host, up, last_seen_seconds, backlog_samples, dropped_samples}],
        sinks: [$server.sinks[]? | {name, state, lag_seconds, refused_samples}]
      }'
  ) || die failed "the server's answer is not what this version expects" "is another program listening at $url?"
  if [[ -n $json ]]; then
    printf '%s\n' "$facts"
  else
    show "$facts" "$code"
  fi
  return "$(exit_code "$code")"
}

show() {
  local facts=$1
  case $2 in
    'done')
      printf 'server   %s  %s\n' "$(paint 1 green up)" \
        "$(jq -r "$(table_filters)"'.server | "pid \(.pid), version \(.version | clean), up for \(.uptime_seconds | span)"' <<<"$facts")"
      ;;
    connection) printf 'server   %s  pid %s\n' "$(paint 1 red 'does not answer')" "$(pid_of server || true)" ;;
    *) printf "server   %s  './resmon up' starts it\n" "$(paint 1 red down)" ;;
  esac
  jq -r "$(table_filters)"'"page     \(.http_url | clean)/", "clients  \(.tcp_address | clean)", "state    \(.state_dir | clean)"' \
    <<<"$facts"
  [[ $2 == "done" ]] || return 0
  printf '\n'
  jq -r "$(table_filters)"'
    [["HOST", "STATE", "LAST SEEN", "BACKLOG", "DROPPED"]] +
    [.clients | sort_by(.host)[] | [.host, (if .up then "up" else "down" end),
      (.last_seen_seconds | if . == null then "never" else span + " ago" end), .backlog_samples, .dropped_samples]] | table' \
    <<<"$facts" | paint_states
  jq -e '.sinks | length > 0' <<<"$facts" >/dev/null || return 0
  printf '\n'
  jq -r "$(table_filters)"'
    [["DATABASE", "STATE", "LAG", "REFUSED"]] +
    [.sinks[] | [.name, .state, (.lag_seconds | if . == null then "-" else span end), .refused_samples]] | table' <<<"$facts"
}
