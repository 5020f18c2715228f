# Scripts of clients whose last run failed, as their rows in internal_collector say.
# shellcheck shell=bash
use table

# failing_scripts GET…: a JSON array of {host, script, exit_code}, as shells count: 127 and 126 if the script, or a program that it needs,
# is missing or may not be executed; -1 if there is none. GET… is a command that gets a path of the server. First which scripts failed at all: of a large fleet the outcomes of all are a large answer.
failing_scripts() {
  local within='time > now() - 30m GROUP BY "host", "collector"' any
  any=$(influxql 'SELECT last("duration_seconds") FROM "internal_collector" WHERE "collector" =~ /^script\./ AND "success" = false AND '"$within" "$@" |
    jq -r 'def quoted: "\u0027" + gsub("(?<c>[\u0027\\\\])"; "\\" + .c) + "\u0027";
      [.results[0].series[:50][]?.tags | "(\"host\" = \(.host | quoted) AND \"collector\" = \(.collector | quoted))"] | join(" OR ")') || any=
  if [[ -z $any ]]; then
    printf '[]\n'
    return
  fi
  influxql 'SELECT last("success") AS "ok", last("exit_code") AS "code" FROM "internal_collector" WHERE ('"$any) AND $within" "$@" |
    jq -c '[.results[0].series[]? | . as $one | (.values[0] | with_entries(.key |= $one.columns[.])) | select(.ok == false) |
      {host: $one.tags.host, script: ($one.tags.collector | ltrimstr("script.")), exit_code: .code}]' || printf '[]\n'
}

# influxql STATEMENT GET…: the answer as JSON.
influxql() {
  local statement=$1
  shift
  "$@" "/query?db=resmon&epoch=ms&q=$(jq -rn --arg text "$statement" '$text | @uri')" 2>/dev/null
}

# failing_words: of each of them, on standard input.
failing_words() {
  jq -r "$(table_filters)"'"script \(.script | clean) on \(.host | clean) " + (.exit_code |
    if . == 127 then "could not be run: it, or a program that it needs, is missing (exit code 127)"
    elif . == 126 then "could not be run: it, or a program that it needs, may not be executed (exit code 126)"
    elif . == -1 then "failed without an exit code"
    elif . == 0 then "printed what could not be read"
    else "failed with exit code \(.)" end)'
}
