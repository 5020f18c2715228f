# Lists alerts that fire; silences and acknowledges them
# shellcheck shell=bash
use process config http house table

usage() {
  cat <<'TEXT'
Usage: ./resmon alerts [list] [--host HOST] [--rule RULE] [--json]
       ./resmon alerts history [--host HOST] [--rule RULE] [--json]
       ./resmon alerts rules [--rule RULE] [--json]
       ./resmon alerts silences [--json]
       ./resmon alerts silence [SEARCH] --for SPAN [--rule RULE] [--reason TEXT]
                               [--preview]
       ./resmon alerts unsilence ID
       ./resmon alerts ack ID
       ./resmon alerts send-test CHANNEL
       ./resmon alerts test RULE [--since SPAN] [--host HOST] [--json]

Without a subcommand it lists the alerts: first those that fire, then those that
are acknowledged or held back, those of silent hosts, and pending ones. 'test'
lists when a rule would have fired in the samples that this machine's server
stores.
Rules and channels are defined in alerts.toml (docs/alerts.md in the source).
SEARCH selects hosts, in the language of the page's search; default all.

Options:
  --for SPAN     how long a silence lasts, such as 30m, 2h or 7d
  --rule RULE    a rule's name; for a silence a pattern, such as 'disk-*'
  --host HOST    only this host
  --since SPAN   where 'test' begins: a span such as 30d, or a time such as
                 2026-01-02
  --reason TEXT  why; shown to other users
  --preview      only show what the silence would hold back now
  --json         the server's answer, for programs
  -h, --help     this text

Exit codes: 0 done, 1 refused or no such alert, 2 usage, 4 the server does not
  answer

Examples:
  ./resmon alerts
  ./resmon alerts silence 'site:north' --for 2h --reason 'new switch'
  ./resmon alerts silence --rule 'disk-*' --for 30m
  ./resmon alerts ack 4f1a2b3c4d5e6f70
  ./resmon alerts send-test phone
  ./resmon alerts test disk-full --since 7d
TEXT
}

main() {
  local json='' preview='' host='' rule='' span='' reason='' since='' url word
  local -a arguments=() words=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --json) json=yes ;;
      --preview) preview=yes ;;
      --host | --rule | --for | --reason | --since)
        (($# >= 2)) || die usage "$1 needs a value"
        case $1 in
          --host) host=$2 ;;
          --rule) rule=$2 ;;
          --for) span=$2 ;;
          --reason) reason=$2 ;;
          --since) since=$2 ;;
        esac
        shift
        ;;
      -*) unknown_argument "$1" ;;
      *) words+=("$1") ;;
    esac
    shift
  done
  if [[ ${words[0]-} == test ]]; then
    [[ -n ${words[1]-} ]] || die usage "which rule? './resmon alerts rules' lists them"
    try_rule "${words[1]}" ${since:+"--since=$since"} ${host:+"--host=$host"} ${json:+--json}
  fi
  have jq || die failed "jq is missing" "'./resmon up' installs it"
  url=$(server_url)/api/v1/alerts
  word=${words[0]-list}
  # shellcheck disable=SC2016 # jq's own variables
  case $word in
    list) show "$url" alerts '.alerts |= map(select(($host == "" or .host == $host) and ($rule == "" or .rule == $rule)))' ;;
    history) show "$url/history?limit=200&host=$(uri "$host")&rule=$(uri "$rule")" history ;;
    rules) show "$url/rules" rules '.rules |= map(select($rule == "" or .name == $rule))' ;;
    silences) show "$url/silences" silences ;;
    silence)
      [[ -n $span || -n $preview ]] || die usage "--for is missing: how long the silence lasts, such as --for 2h"
      [[ -z $span || $span =~ ^([0-9]+\ *(d|h|m|s|ms|us|ns)\ *)+$ ]] || die usage "--for: '$(printable "$span")' is not a span such as 30m, 2h or 7d"
      tell POST "$url/silences/preview" "$(jq -cn --arg hosts "${words[1]-}" --arg rule "${rule:-*}" '$ARGS.named')"
      [[ $(jq .rules_selected <<<"$answer") != 0 ]] ||
        die usage "no rule has the name '$(printable "${rule:-*}")', or none of them is on; nothing is silenced" "'./resmon alerts rules' lists them"
      [[ $(jq .hosts_selected <<<"$answer") != 0 ]] ||
        warn "no host matches '$(printable "${words[1]-}")' now; the silence is for later ones"
      say "$(jq -r 'def many(name): "\(.) \(name)\(if . == 1 then "" else "s" end)";
        "\(.alerts | many("alert")) on \(.hosts | many("host")) now; for \(.rules_selected | many("rule")) on \(.hosts_selected | many("host"))"' <<<"$answer")"
      [[ -z $preview ]] || return 0
      tell POST "$url/silences" "$(jq -cn --arg hosts "${words[1]-}" --arg rule "${rule:-*}" --arg for "$span" \
        --arg reason "$reason" --arg author "${USER-}" '$ARGS.named')"
      say "silenced for $span; './resmon alerts unsilence $(jq -r .id <<<"$answer")' ends it earlier"
      ;;
    unsilence)
      [[ ${words[1]-} =~ ^[0-9]+$ ]] || die usage "which silence? './resmon alerts silences' lists them"
      tell DELETE "$url/silences/${words[1]}" ''
      say "ended the silence"
      ;;
    ack)
      [[ -n ${words[1]-} ]] || die usage "which alert? './resmon alerts' lists their ids"
      tell POST "$url/ack" "$(jq -cn --arg id "${words[1]}" --arg author "${USER-}" '$ARGS.named')"
      say "acknowledged: no reminders and no escalation for this alert"
      ;;
    send-test)
      [[ -n ${words[1]-} ]] || die usage "which channel? alerts.toml defines them: './resmon alerts rules --json | jq -r .file'"
      send_test "${words[1]}"
      ;;
    *) unknown_argument "$word" ;;
  esac
}

# try_rule RULE OPTION…: reads the store of the server here, which may run; does not return.
try_rule() {
  local program=$RESMON_BUILD_DIR/bin/resmon-server file
  file=$(server_config)
  [[ -x $program && -f $file ]] || die failed "there is no server here" "'./resmon up' builds one; elsewhere: resmon-server alerts test"
  exec "$program" alerts test "$@" --config "$file"
}

# send_test CHANNEL: waits until its message was sent, or could not be.
send_test() {
  local facts sent='' state='' begin=$SECONDS
  facts=$(http_get "$url" "$(token_file)") || die connection "no server answers at $url" "'./resmon up' or './resmon start server' starts it"
  sent=$(jq --arg name "$1" 'first(.channels[] | select(.name == $name) | .sent) // 0' <<<"$facts")
  tell POST "$url/send-test" "$(jq -cn --arg channel "$1" '$ARGS.named')"
  while ((SECONDS - begin < 10)); do
    facts=$(http_get "$url" "$(token_file)") || facts='{"channels":[]}'
    state=$(jq -r --arg name "$1" --argjson sent "$sent" "$(table_filters)"'
      .channels[] | select(.name == $name) | if .sent > $sent then "sent" elif .failing_since != null then .last_error | clean else empty end' <<<"$facts")
    [[ -z $state ]] || break
    sleep 0.2
  done
  case $state in
    sent) say "the channel $1 sent a test message" ;;
    '') say "the test message is not sent yet; './resmon alerts' shows whether the channel sent it, or its last error" ;;
    *) die failed "the channel $1 could not send the test message: $state" "the server tries again; './resmon alerts' shows the last error" ;;
  esac
}

uri() { jq -rn --arg text "$1" '$text | @uri'; }

# tell METHOD URL BODY: sets `answer`; a refusal ends the program with its reason.
answer=''
tell() {
  local code
  answer=$(http_send "$1" "$2" "$(token_file)" "$3") ||
    die connection "no server answers at $url" "'./resmon up' or './resmon start server' starts it"
  code=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  [[ $code == 2* ]] ||
    die failed "$(printable "$(jq -r '.error // "the server refused"' <<<"$answer" 2>/dev/null || printf 'HTTP %s' "$code")")"
}

# show URL WHAT [FILTER]: FILTER is jq's, with $host and $rule.
show() {
  local facts
  facts=$(http_get "$1" "$(token_file)") ||
    die connection "no server answers at $url, or its alerts are off" "'./resmon up' or './resmon start server' starts it"
  [[ -z ${3-} || -z $host$rule ]] || facts=$(jq -c --arg host "$host" --arg rule "$rule" "$3" <<<"$facts")
  if [[ -n $json ]]; then
    printf '%s\n' "$facts"
  else
    "show_$2" "$facts"
  fi
}

show_alerts() {
  local columns=0
  if jq -e '.alerts | length == 0' <<<"$1" >/dev/null; then
    printf '%s\n' "$([[ -n $host$rule ]] && printf 'no such alert' || printf 'nothing fires')"
  else
    [[ ! -t 1 ]] || columns=$(terminal_columns)
    jq -r --argjson columns "$columns" "$(table_filters)"'
      def rank: if .state == "pending" then 3 elif .state == "unknown" then 2 elif .acknowledged_by != "" or .held_by != "" then 1 else 0 end;
      [["SEVERITY", "STATE", "HOST", "RULE", "VALUE", "LIMIT", "SINCE", "ID"]] +
      [.alerts | sort_by(rank, .since)[] | [.severity, (if .acknowledged_by != "" then "acknowledged" elif .held_by != "" then .held_by else .state end),
        ([.host, (.tags | to_entries[] | "\(.key)=\(.value)")] | map(select(. != "")) | join(" ")), .rule, .value_text, .limit_text,
        ((now - .since / 1000) | span + " ago"), .id]] | fitted($columns; 2)' <<<"$1"
  fi
  jq -r "$(table_filters)"'
    (.channels[] | select(.failing_since == null) | "channel \(.name | clean): \(if .sent == 0 then "nothing" else .sent end) sent since the server started"),
    (.channels[] | select(.failing_since != null) | "channel \(.name | clean) fails for \(now - .failing_since / 1000 | span): \(.last_error | clean)"),
    (select(.rules_error != "") | "the rules file has errors:\n  \(.rules_error | split("\n") | map(clean) | join("\n  "))"),
    (.rules_warnings[]? | "a rule names what is not known: \(clean)"),
    (select(.trouble != "") | "alerts cannot be kept: \(.trouble | clean)"),
    (select(.heartbeat_error != "") | "the heartbeat fails: \(.heartbeat_error | clean)"),
    (select(.channels == []) | "no channel is configured: nobody gets a message")' <<<"$1"
}

show_history() {
  local columns=0
  [[ ! -t 1 ]] || columns=$(terminal_columns)
  jq -r --argjson columns "$columns" "$(table_filters)"'
    [["TIME", "STATE", "SEVERITY", "HOST", "RULE", "VALUE", "NOTE"]] +
    [.history[] | [(.time / 1000 | floor | todate),
      (if .state == "ok" then "ended after \((.time - .since) / 1000 | span)" else .state end), .severity,
      ([.host, (.tags | to_entries[] | "\(.key)=\(.value)")] | map(select(. != "")) | join(" ")), .rule,
      (.value_text + (if .value_text == "" or .limit_text == "" then "" elif .state == "ok" then " (limit \(.limit_text))" else " (\(.limit_text))" end)),
      ([(if .late then "came late" else "" end), .reason] | map(select(. != "")) | join(", "))]] | fitted($columns; 3)' <<<"$1"
}

show_rules() {
  jq -r "$(table_filters)"'
    [["RULE", "ON", "DATA", "SEVERITY", "FOR", "WHEN"]] +
    [.rules[] | [.name, (if .enabled then "yes" else "no" end), (if .has_data then "yes" else "none yet" end), .severity,
      (.for_seconds | span), .when]] | table' <<<"$1"
  jq -r "$(table_filters)"'.warnings[]? | "a rule names what is not known: \(clean)"' <<<"$1"
}

show_silences() {
  jq -r "$(table_filters)"'
    [["ID", "HOSTS", "RULE", "ENDS", "BY", "REASON"]] +
    [.silences[] | select(.active) | [.id, (if .hosts == "" then "all" else .hosts end), .rule,
      (.ends / 1000 | floor | todate), .author, .reason]] | table' <<<"$1"
}
