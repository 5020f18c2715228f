# The lines that a server has, of all hosts. logs.sh sets level, pattern, from, follow, hosts and sources.
# shellcheck shell=bash disable=SC2154
use process config http house

# server_has_lines: whether this machine's server answers and has lines (of `hosts`, if some are named).
server_has_lines() {
  local url
  have curl && have jq || return 1
  url=$(server_url 2>/dev/null) && [[ -n $url ]] || return 1
  http_get "$url/api/v1/logs?limit=1&$(scope_parameters)" "$(token_file)" 2>/dev/null | jq -e '.lines | length > 0' >/dev/null 2>&1
}

# scope_parameters: the hosts and sources that are asked for.
scope_parameters() {
  local IFS=,
  printf 'hosts=%s' "$(jq -rn --arg text "${hosts[*]-}" '$text | @uri')"
  [[ -z ${sources-} ]] || printf '&sources=%s' "$(jq -rn --arg text "$sources" '$text | @uri')"
}

# lines_query: the filters of the command line as the server's query.
lines_query() {
  local query=''
  [[ $level == debug ]] || query="level:>=$level"
  # A slash ends a regular expression there.
  [[ -z $pattern ]] || query+=" /${pattern//\//\\/}/"
  jq -rn --arg text "$query" '$text | @uri'
}

# line_text: JSON lines on standard input as text, harmless to a terminal. Times have three decimals at least, the further lines of an
# entry are indented. Time and level are left out of a message that begins with these; a time without a zone is local somewhere
# (web/src/core/log_lines.ts does the same).
line_text() {
  jq -r --unbuffered '
    def plain: gsub("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]"; "?");
    def lines: split("\n") | map(sub("\r$"; "") | plain) | join("\n    ");
    def months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    def month_names: months | join("|");
    def clock: "(?<clock>\\d\\d:\\d\\d:\\d\\d)(?:[.,]\\d{1,9})?";
    def zone: "(?: ?(?<zone>Z|UTC|GMT|[+-]\\d\\d:?\\d\\d)(?![\\w:]))?";
    def time_shapes:
      "(?<year>\\d{4})[-/](?<month>\\d\\d)[-/](?<day>\\d\\d)[T ]" + clock + zone,
      "(?<day>\\d\\d)/(?<month>" + month_names + ")/(?<year>\\d{4}):" + clock + zone,
      "(?<month>" + month_names + ") (?<day>[ \\d]?\\d) " + clock;
    def two: ltrimstr(" ") | if length < 2 then "0" + . else . end;
    def written_time($year):
      .month as $month | (months | index($month)) as $at |
      (try ("\($year)-\(if $at then $at + 1 | tostring | two else $month end)-\(.day | two)T\(.clock)Z" | fromdate) catch -1e12);
    def is_time_of($time):
      ($time[:19] + "Z" | fromdate) as $known | ($time[:4] | tonumber) as $now |
      if .zone then .zone as $zone | written_time(.year) - ($zone | if test("^[+-]") then
          ((.[1:3] | tonumber) * 3600 + (.[-2:] | tonumber) * 60) * (if .[0:1] == "-" then -1 else 1 end) else 0 end) == $known
      else
        any((if .year then .year else $now - 1, $now, $now + 1 end) as $year | written_time($year) - $known;
          fabs <= 50400 and fmod(.; 900) == 0)
      end;
    def without_level($level):
      ({"emergency": ["EMERGENCY", "EMERG", "PANIC"], "critical": ["CRITICAL", "CRIT", "FATAL"], "error": ["ERROR", "ERR", "SEVERE"],
        "warning": ["WARNING", "WARN"], "info": ["INFORMATION", "INFO"], "debug": ["DEBUG", "TRACE"]}[$level] // [$level | ascii_upcase]) as $names |
      (capture("^(?<all>(?:\\[ ?(?<marked>[A-Za-z]+) ?\\]|(?<word>[A-Z]+))(?:[ \\t]*[-:|])?[ \\t]+)") // null) as $found |
      if $found and ($found.marked // $found.word | ascii_upcase | IN($names[])) then .[$found.all | length:] else . end;
    def without_time($time; $level):
      if test("^(\\[?\\d\\d|[A-Z][a-z][a-z] )") then
        first(time_shapes as $shape | capture("^(?<all>\\[?" + $shape + "\\]?(?:[ \\t]*[-|,:])?[ \\t]+)") | select(is_time_of($time))) as $begin |
        .[$begin.all | length:] | without_level($level)
      else . end // .;
    (.level // "none") as $level | .time as $time |
    ($time | capture("^(?<second>[^.Z]*)([.](?<fraction>[0-9]+))?Z$") // null |
      if . then "\(.second).\(.fraction // "" | if length < 3 then (. + "000")[0:3] else . end)Z" else $time end) as $shown |
    "\($shown) \({"warning": "WARN", "none": "-"}[$level] // ($level | ascii_upcase)) \(.host) " +
    "\(if (.unit // "") == "" then .source else .unit end)\(if .pid then "[\(.pid)]" else "" end) \(.message | without_time($time; $level))" +
    ([.fields // {} | to_entries[] | " \(.key)=\(if .value | test("[ \"\n]") then .value | tojson else .value end)"] | add // "") | lines'
}

show_server_lines() {
  local url cursor='' page direction=oldest limit=5000 start=''
  url=$(server_url)
  if [[ -n $from ]]; then start="&start=$from"; elif [[ -z $follow ]]; then direction=newest limit=1000; else direction=newest limit=10; fi
  while :; do
    page=$(http_get "$url/api/v1/logs?$(scope_parameters)&q=$(lines_query)&direction=$direction&limit=$limit$start&cursor=$cursor" "$(token_file)") ||
      die connection "the server at $url does not answer"
    cursor=$(jq -r .cursor <<<"$page")
    if [[ $direction == newest ]]; then
      jq -c '.lines | reverse | .[]' <<<"$page"
      said_if_partial "$page" "older lines are left out; --since shows some of them"
      break
    fi
    jq -c '.lines[]' <<<"$page"
    if [[ -z $cursor ]]; then
      said_if_partial "$page" "later lines are left out; a later --since shows them"
      break
    fi
  done | said_if_none | line_text | shade
  [[ -z $follow ]] || follow_server_lines | line_text | shade
}

# said_if_partial ANSWER WHAT: says on standard error why the server's answer is not complete, and what is missing.
said_if_partial() {
  local reason
  reason=$(jq -r '.partial // ""' <<<"$1")
  [[ -z $reason ]] || warn "$(printable "$reason"): $2"
}

# said_if_none: lets lines through, and says on standard error that there were none; nothing where lines are still to come.
said_if_none() {
  awk -v wait="$follow" '{ print } END { if (NR == 0 && wait == "") print "no stored line matches" >"/dev/stderr" }'
}

# show_server_stats: how many there are of each level, unit, source and host, and over time.
show_server_stats() {
  local url start facets histogram
  url=$(server_url)
  start=${from:-$(instant 1d)}
  facets=$(http_get "$url/api/v1/logs/facets?$(scope_parameters)&q=$(lines_query)&start=$start&limit=10" "$(token_file)") ||
    die connection "the server at $url does not answer"
  histogram=$(http_get "$url/api/v1/logs/histogram?$(scope_parameters)&q=$(lines_query)&start=$start&buckets=30" "$(token_file)") ||
    die connection "the server at $url does not answer"
  said_if_partial "$facets" "the counts are of a part of the lines"
  said_if_partial "$histogram" "the bars are of a part of the time"
  jq -rn --argjson facets "$facets" --argjson histogram "$histogram" '
    def plain: gsub("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]"; "?");
    def left(n): . + " " * ([n - length, 0] | max);
    def right(n): " " * ([n - length, 0] | max) + .;
    def sum(levels): [levels[] as $level | $histogram.levels[$level] // [] | add // 0] | add;
    "\($facets.lines) lines",
    ($facets.facets[] | select(.name == ("level", "unit", "source", "host")) | select(.values | length > 0) |
      "by \(.name)",
      (.values[] | "  \(.value | plain | left(28)) \(.lines | tostring | right(8))  \(.lines * 1000 / ([$facets.lines, 1] | max) | round / 10 | tostring | right(5)) %"),
      (select(.other_lines > 0) | "  \("(other values)" | left(28)) \(.other_lines | tostring | right(8))")),
    ([range($histogram.buckets) as $i | [$histogram.levels[][$i]] | add // 0] | max) as $most |
    "over time (UTC)",
    (range($histogram.buckets) as $i |
      ([("emergency", "alert", "critical", "error") as $level | $histogram.levels[$level][$i]? // 0] | add) as $errors |
      ([$histogram.levels["warning"][$i]? // 0] | add) as $warnings |
      ([$histogram.levels[][$i]] | add // 0) as $all |
      def bar(n; sign): (sign * ((n * 50 / ([$most, 1] | max)) | ceil)) // "";
      "  \((($histogram.start + $i * $histogram.step) / 1000 | floor | todate)[0:16] | sub("T"; " ")) \($all | tostring | right(8))  \(bar($errors; "E"))\(bar($warnings; "W"))\(bar($all - $errors - $warnings; "#"))")'
}

# follow_server_lines: as they come; a connection that ends is made again. What comes meanwhile is not shown, so that is said.
follow_server_lines() {
  local status since
  while :; do
    status=0
    http_get_stream "$url/select/logsql/tail?$(scope_parameters)&query=$(lines_query)" "$(token_file)" 2>/dev/null |
      jq -c --unbuffered '
        {time: ._time, message: ._msg, host, source, level, unit, pid,
          fields: (del(._time, ._msg, ._stream, .host, .source, .level, .unit, .pid))}' || status=${PIPESTATUS[0]}
    since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    case $status in
      6 | 7 | 28) ;; # not there yet
      22) warn "the server at $url shows no lines as they come at $since; trying again" ;;
      *) warn "the connection to $url ended; trying again. Lines that come meanwhile are not shown here: ./resmon logs --since $since shows them" ;;
    esac
    sleep 1
  done
}
