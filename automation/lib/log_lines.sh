# The lines that a server has, of all hosts. logs.sh sets level, pattern, from, follow and hosts.
# shellcheck shell=bash disable=SC2154
use process config http house

# server_has_lines: whether the server of this house answers and has lines, of `hosts` where some are named.
server_has_lines() {
  local url
  have curl && have jq || return 1
  url=$(server_url 2>/dev/null) && [[ -n $url ]] || return 1
  http_get "$url/api/v1/logs?limit=1&$(hosts_parameter)" "$(token_file)" 2>/dev/null | jq -e '.lines | length > 0' >/dev/null 2>&1
}

hosts_parameter() {
  local IFS=,
  printf 'hosts=%s' "$(jq -rn --arg text "${hosts[*]-}" '$text | @uri')"
}

# lines_query: the filters of the command line as the server's query.
lines_query() {
  local query=''
  [[ $level == debug ]] || query="level:>=$level"
  # A slash ends a regular expression there.
  [[ -z $pattern ]] || query+=" /${pattern//\//\\/}/"
  jq -rn --arg text "$query" '$text | @uri'
}

# line_text: JSON lines on standard input as text, a line each, harmless to a terminal.
line_text() {
  jq -r --unbuffered '
    def plain: gsub("[\\x00-\\x1f\\x7f-\\x9f]"; "?");
    (.level // "none") as $level |
    "\(.time) \({"warning": "WARN", "none": "-"}[$level] // ($level | ascii_upcase)) \(.host) " +
    "\(if (.unit // "") == "" then .source else .unit end)\(if .pid then "[\(.pid)]" else "" end) \(.message)" +
    ([.fields // {} | to_entries[] | " \(.key)=\(if .value | test("[ \"]") then .value | tojson else .value end)"] | add // "") | plain'
}

show_server_lines() {
  local url cursor='' page direction=oldest limit=5000 start=''
  url=$(server_url)
  if [[ -n $from ]]; then start="&start=$from"; elif [[ -z $follow ]]; then direction=newest limit=1000; else direction=newest limit=10; fi
  while :; do
    page=$(http_get "$url/api/v1/logs?$(hosts_parameter)&q=$(lines_query)&direction=$direction&limit=$limit$start&cursor=$cursor" "$(token_file)") ||
      die connection "the server at $url does not answer"
    if [[ $direction == newest ]]; then
      jq -c '.lines | reverse | .[]' <<<"$page"
      break
    fi
    jq -c '.lines[]' <<<"$page"
    cursor=$(jq -r .cursor <<<"$page")
    [[ -n $cursor ]] || break
  done | line_text | shade
  [[ -z $follow ]] || follow_server_lines | line_text | shade
}

# follow_server_lines: as they come; a connection that ends is made again.
follow_server_lines() {
  while :; do
    http_get_stream "$url/select/logsql/tail?$(hosts_parameter)&query=$(lines_query)" "$(token_file)" |
      jq -c --unbuffered '
        {time: ._time, message: ._msg, host, source, level, unit, pid,
          fields: (del(._time, ._msg, ._stream, .host, .source, .level, .unit, .pid))}' || true
    sleep 1
  done
}
