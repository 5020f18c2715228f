# The lines that a server has, of all hosts. logs.sh sets level, pattern, from, follow and hosts.
# shellcheck shell=bash disable=SC2154
use process config http house

# server_has_lines: whether this machine's server answers and has lines (of `hosts`, if some are named).
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

# show_server_stats: how many there are of each level, unit, source and host, and over time.
show_server_stats() {
  local url start facets histogram
  url=$(server_url)
  start=${from:-$(instant 1d)}
  facets=$(http_get "$url/api/v1/logs/facets?$(hosts_parameter)&q=$(lines_query)&start=$start&limit=10" "$(token_file)") ||
    die connection "the server at $url does not answer"
  histogram=$(http_get "$url/api/v1/logs/histogram?$(hosts_parameter)&q=$(lines_query)&start=$start&buckets=30" "$(token_file)") ||
    die connection "the server at $url does not answer"
  jq -rn --argjson facets "$facets" --argjson histogram "$histogram" '
    def plain: gsub("[\\x00-\\x1f\\x7f-\\x9f]"; "?");
    def left(n): . + " " * ([n - length, 0] | max);
    def right(n): " " * ([n - length, 0] | max) + .;
    def sum(levels): [levels[] as $level | $histogram.levels[$level] // [] | add // 0] | add;
    "\($facets.lines) lines",
    ($facets.facets[] | select(.name == ("level", "unit", "source", "host")) | select(.values | length > 0) |
      "by \(.name)",
      (.values[] | "  \(.value | plain | left(28)) \(.lines | tostring | right(8))  \(.lines * 1000 / ([$facets.lines, 1] | max) | round / 10 | tostring | right(5)) %"),
      (select(.other_lines > 0) | "  \("others" | left(28)) \(.other_lines | tostring | right(8))")),
    ([range($histogram.buckets) as $i | [$histogram.levels[][$i]] | add // 0] | max) as $most |
    "over time (UTC)",
    (range($histogram.buckets) as $i |
      ([("emergency", "alert", "critical", "error") as $level | $histogram.levels[$level][$i]? // 0] | add) as $errors |
      ([$histogram.levels["warning"][$i]? // 0] | add) as $warnings |
      ([$histogram.levels[][$i]] | add // 0) as $all |
      def bar(n; sign): (sign * ((n * 50 / ([$most, 1] | max)) | ceil)) // "";
      "  \((($histogram.start + $i * $histogram.step) / 1000 | floor | todate)[0:16] | sub("T"; " ")) \($all | tostring | right(8))  \(bar($errors; "E"))\(bar($warnings; "W"))\(bar($all - $errors - $warnings; "#"))")'
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
