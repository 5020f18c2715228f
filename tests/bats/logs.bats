# logs: merging, filtering, following.

load helpers/common
setup() {
  setup_house
  mkdir -p "$RESMON_HOME/log"
  cat >"$RESMON_HOME/log/server.log" <<'LOG'
2026-11-22T17:00:00.000Z INFO http listening address=127.0.0.1:7412
2026-11-22T17:00:02.000Z WARN sink refused name=influx status=400
2026-11-22T17:00:04.000Z ERROR store disk full path="/srv/a b"
{"time":"2026-11-22T17:00:05.000Z","level":"WARN","component":"json","message":"as an object"}
LOG
  cat >"$RESMON_HOME/log/client.log" <<'LOG'
2026-11-22T17:00:01.000Z DEBUG agent gathered samples=120
2026-11-22T17:00:03.000Z INFO agent connected server=127.0.0.1:7411
terminate called after throwing an instance
LOG
  printf '2026-11-22T16:00:00.000Z INFO http from a rotated file\n' >"$RESMON_HOME/log/server.1.log"
}
teardown() {
  [[ -z ${follower-} ]] || kill "$follower" 2>/dev/null || true
  teardown_house
}

@test "all logs are merged by time, rotated ones included" {
  run resmon logs
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 8 ]
  [[ ${lines[0]} == *'a rotated file' ]]
  [[ ${lines[2]} == *'gathered'* ]]
  [[ ${lines[5]} == 'terminate called'* ]]
  [[ ${lines[7]} == *'as an object'* ]]
}

@test "one program's log only" {
  run resmon logs client
  [ "${#lines[@]}" -eq 3 ]
  [[ $output != *listening* ]]
}

@test "--level keeps that level and above, in text and in JSON" {
  run resmon logs --level warn
  [ "${#lines[@]}" -eq 3 ]
  [[ $output == *refused* && $output == *'disk full'* && $output == *'as an object'* ]]
  for least in warning notice; do
    run resmon logs --level "$least"
    [[ $output != *" INFO "* && $output == *" WARN "* ]]
  done
  run resmon logs --level critical
  [[ $output != *" WARN "* && $output == *" ERROR "* ]]
  run resmon logs --level loud
  [ "$status" -eq 2 ]
}

@test "--since takes a time and an age" {
  run resmon logs --since '2026-11-22 17:00:03 UTC'
  [ "${#lines[@]}" -eq 4 ]
  printf '%s INFO http just now\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" >"$RESMON_HOME/log/server.log"
  run resmon logs server --since 5m
  [[ $output == *'just now'* ]]
  run resmon logs --since 'no such day'
  [ "$status" -eq 2 ]
}

@test "--grep takes a regular expression, and no match is no failure" {
  run resmon logs --grep 'status=4[0-9]{2}'
  [ "${#lines[@]}" -eq 1 ]
  run resmon logs --grep 'nothing like it'
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  run resmon logs --grep '('
  [ "$status" -eq 2 ]
  run resmon logs --grep=-v
  [ "$status" -eq 0 ]
}

@test "control characters in a log do not reach the terminal" {
  printf '2026-11-22T17:00:09.000Z INFO http evil \033]0;title\007 end\n' >"$RESMON_HOME/log/server.log"
  run resmon logs server
  [[ $output == *evil*end* ]]
  [[ $output != *$'\033'* && $output != *$'\007'* ]]
}

@test "an entry of several lines can be read, and does not repeat time and level" {
  use() { :; }
  source "$ROOT/automation/lib/log_lines.sh"
  cat >"$BATS_TEST_TMPDIR/lines" <<'JSON'
{"time":"2026-12-01T21:08:38.000Z","level":"error","host":"vm","unit":"app.log","source":"app","message":"2026-12-01T21:08:38Z ERROR failed\n  File\u001b[2J\r\n\tat Pay.call\nTimeoutError"}
{"time":"2026-12-01T21:08:38.120Z","level":"warning","host":"vm","source":"app","message":"2026-12-01T21:08:38.120Z WARN low","fields":{"a":"x\ny"}}
{"time":"2026-12-01T21:08:38.120Z","level":"info","host":"vm","source":"app","message":"2026-12-01T21:08:38.120+02:00 INFO east"}
{"time":"2026-12-01T21:08:38.120Z","host":"vm","source":"app","message":"2026-12-01T21:08:37.120Z earlier"}
{"time":"2026-12-01T21:08:38.120Z","level":"info","host":"vm","source":"app","message":"2026-12-01T21:08:38Z ERROR other"}
{"time":"2026-12-01T21:08:38.123Z","level":"error","host":"vm","source":"app","message":"2026-12-01 21:08:38,123 ERROR [main] log4j"}
{"time":"2026-12-01T21:08:38.123Z","level":"error","host":"vm","source":"app","message":"2026-12-01 22:08:38,123 - root - ERROR - python in CET"}
{"time":"2026-12-01T21:08:38.123Z","level":"error","host":"vm","source":"app","message":"2026-12-01T22:08:38.123+01:00 ERROR: logback"}
{"time":"2026-12-01T21:08:38.000Z","host":"vm","source":"app","message":"Dec  1 21:08:38 vm syslog"}
{"time":"2027-01-01T00:30:00.000Z","host":"vm","source":"app","message":"Dec 31 23:30:00 of last year"}
{"time":"2026-12-01T21:08:38.000Z","level":"error","host":"vm","source":"app","message":"2026/12/01 21:08:38 [error] 9#9: nginx"}
{"time":"2026-12-01T21:08:38.000Z","level":"info","host":"vm","source":"app","message":"01/Dec/2026:21:08:38 +0000 access"}
{"time":"2026-12-01T21:08:38.000Z","level":"info","host":"vm","source":"app","message":"01/Dec/2026:21:08:38 +0100 an hour earlier"}
{"time":"2026-12-01T21:08:38.000Z","level":"info","host":"vm","source":"app","message":"2026-13-41 21:08:38 no such day"}
JSON
  run line_text <"$BATS_TEST_TMPDIR/lines"
  [ "$status" -eq 0 ]
  diff - <(printf '%s\n' "$output") <<'TEXT'
2026-12-01T21:08:38.000Z ERROR vm app.log failed
      File?[2J
    	at Pay.call
    TimeoutError
2026-12-01T21:08:38.120Z WARN vm app low a="x\ny"
2026-12-01T21:08:38.120Z INFO vm app 2026-12-01T21:08:38.120+02:00 INFO east
2026-12-01T21:08:38.120Z - vm app 2026-12-01T21:08:37.120Z earlier
2026-12-01T21:08:38.120Z INFO vm app ERROR other
2026-12-01T21:08:38.123Z ERROR vm app [main] log4j
2026-12-01T21:08:38.123Z ERROR vm app root - ERROR - python in CET
2026-12-01T21:08:38.123Z ERROR vm app logback
2026-12-01T21:08:38.000Z - vm app vm syslog
2027-01-01T00:30:00.000Z - vm app of last year
2026-12-01T21:08:38.000Z ERROR vm app 9#9: nginx
2026-12-01T21:08:38.000Z INFO vm app access
2026-12-01T21:08:38.000Z INFO vm app 01/Dec/2026:21:08:38 +0100 an hour earlier
2026-12-01T21:08:38.000Z INFO vm app 2026-13-41 21:08:38 no such day
TEXT
}

# follow ARGUMENT…: sets `follower`, whose output goes to the file `output`.
follow() {
  "$ROOT/resmon" logs --follow "$@" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
  follower=$!
}
end_follower() {
  kill "$follower"
  wait "$follower" || true
}
shows() { grep -q -- "$1" "$BATS_TEST_TMPDIR/output"; }

@test "--follow shows new lines that pass the filters" {
  follow --level warn --grep wanted
  printf '%s\n' '2026-11-22T18:00:00.000Z INFO http wanted but too low' '2026-11-22T18:00:01.000Z WARN http wanted new' \
    >>"$RESMON_HOME/log/server.log"
  wait_until 60 shows 'wanted new'
  end_follower
  [ "$(grep -c wanted "$BATS_TEST_TMPDIR/output")" = 1 ]
}

@test "--follow misses no line that is written while it shows the others" {
  # More than pipes hold: the first lines are shown when all files were read, and the last ones are not yet.
  yes '2026-11-22T17:00:06.000Z INFO http one of many lines, so many that no pipe can hold all of them' | head -n 30000 \
    >>"$RESMON_HOME/log/server.log" || true
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  "$ROOT/resmon" logs --follow >"$BATS_TEST_TMPDIR/pipe" 2>&1 3>&- &
  follower=$!
  exec 7<"$BATS_TEST_TMPDIR/pipe"
  read -r -t 60 -u 7 first
  [[ $first == *'a rotated file' ]]
  echo '2026-11-22T17:00:07.000Z INFO http written meanwhile' >>"$RESMON_HOME/log/server.log"
  timeout 60 grep -q -m 1 'written meanwhile' <&7
  exec 7<&-
  end_follower
}

@test "--follow goes on in the file that replaces a rotated one, and in one that was cut off" {
  local log=$RESMON_HOME/log/server.log
  follow server
  wait_until 60 shows 'as an object'
  echo '2026-11-22T18:00:00.000Z INFO http last of the old' >>"$log"
  mv "$log" "$RESMON_HOME/log/server.2.log"
  echo '2026-11-22T18:00:01.000Z INFO http first of the new' >"$log"
  wait_until 60 shows 'first of the new'
  echo '2026-11-22T18:00:02.000Z INFO http short' >"$log"
  wait_until 60 shows 'short'
  printf '2026-11-22T18:00:03.000Z INFO http in ' >>"$log"
  printf 'two parts\033[2J\n' >>"$log"
  wait_until 60 shows 'in two parts?\[2J'
  end_follower
  [ "$(grep -c 'last of the old' "$BATS_TEST_TMPDIR/output")" = 1 ]
  [ "$(grep -c 'first of the new' "$BATS_TEST_TMPDIR/output")" = 1 ]
}

@test "--stats counts by level and component and draws a bar a minute" {
  run resmon logs --stats
  [ "$status" -eq 0 ]
  grep -qE '^ *INFO +3 ' <<<"$output"
  grep -qE '^ *agent +2 ' <<<"$output"
  [[ $output == *'2026-11-22T17:00'*'####'* ]]
  run resmon logs --stats --follow
  [ "$status" -eq 2 ]
}

@test "no log yet is exit code 1" {
  rm -r "$RESMON_HOME/log"
  run resmon logs
  [ "$status" -eq 1 ]
}

@test "a time that is none is named" {
  run resmon logs --since yesterdayish
  [ "$status" -eq 2 ]
  [[ $output == *"'yesterdayish' is not a time"* ]]
}

# stand_in ANSWER [LIVE]: a server that gives it to everything, LIVE to who follows, and notes what it was asked.
stand_in() {
  ANSWER=$1 LIVE=${2-} ASKED=$BATS_TEST_TMPDIR/asked python3 - "$HTTP_PORT" 3>&- <<'PYTHON' &
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(os.environ["ASKED"], "a") as asked:
            print(self.path, file=asked)
        body = os.environ["LIVE" if "/tail" in self.path else "ANSWER"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PYTHON
  stand_in=$!
  wait_until 60 curl --silent --output /dev/null "http://127.0.0.1:$HTTP_PORT/"
}

@test "lines of the server: asked with the filters, printed for grep and awk, and the files where it is down" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  answer='{"lines":[{"time":"2026-11-22T17:00:01.5Z","host":"web2","source":"system","level":"error","unit":"sshd","pid":7,"message":"second \u001b[2J","fields":{"user":"a b"}},{"time":"2026-11-22T17:00:00Z","host":"web1","source":"nginx","message":"first"}],"cursor":""}'
  stand_in "$answer"
  run resmon logs web1 web2 --level warn --grep 'a/b+'
  kill "$stand_in"
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 2 ]
  [ "${lines[0]}" = '2026-11-22T17:00:00.000Z - web1 nginx first' ]
  [ "${lines[1]}" = '2026-11-22T17:00:01.500Z ERROR web2 sshd[7] second ?[2J user="a b"' ]
  grep -q 'hosts=web1%2Cweb2&q=level%3A%3E%3Dwarn%20%2Fa%5C%2Fb%2B%2F' "$BATS_TEST_TMPDIR/asked"
  wait "$stand_in" || true
  run resmon logs --level warn
  [ "${#lines[@]}" -eq 3 ]
}

@test "lines of the server: of one source, and none is said" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  stand_in '{"lines":[{"time":"2026-11-22T17:00:01.123456Z","host":"web2","source":"app","message":"x"}],"cursor":""}'
  run resmon logs --source app,web
  kill "$stand_in"
  wait "$stand_in" || true
  [ "$output" = '2026-11-22T17:00:01.123456Z - web2 app x' ]
  grep -q 'hosts=&sources=app%2Cweb&q=' "$BATS_TEST_TMPDIR/asked"
  run resmon logs --source app
  [ "$status" -eq 2 ]
  [[ $output == *"--source is for lines that the server has stored; it has none of 'app'"* ]]
}

@test "--follow of the server's lines says when the connection ended, and since when lines are missing" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  stand_in '{"lines":[{"time":"2026-11-22T17:00:01Z","host":"web1","source":"app","message":"before"}],"cursor":""}' \
    '{"_time":"2026-11-22T17:00:02Z","_msg":"as it came","host":"web1","source":"app"}'
  follow
  wait_until 30 grep -q 'connection to .* ended' "$BATS_TEST_TMPDIR/output"
  kill "$stand_in"
  wait "$stand_in" || true
  sleep 2.5 # several tries
  end_follower
  follower=''
  grep -q '^2026-11-22T17:00:02.000Z - web1 app as it came$' "$BATS_TEST_TMPDIR/output"
  grep -q 'resmon logs --since 20..-..-..T..:..:..Z shows them' "$BATS_TEST_TMPDIR/output"
  # Once for each connection that ended, and not for each that is not made.
  [ "$(grep -c 'warning:' "$BATS_TEST_TMPDIR/output")" -le "$(grep -c 'logsql/tail' "$BATS_TEST_TMPDIR/asked")" ]
  ! grep -q 'curl:' "$BATS_TEST_TMPDIR/output" || false
}

@test "--stats of the server's lines: by level, unit, source and host, and over time" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  stand_in '{"lines":40,"facets":[{"name":"host","values":[{"value":"web1","lines":30},{"value":"web2","lines":10}],"other_lines":0},{"name":"level","values":[{"value":"error","lines":4}],"other_lines":0},{"name":"unit","values":[{"value":"ss\u001bhd","lines":7}],"other_lines":33}],"start":1764460800000,"step":60000,"buckets":2,"levels":{"error":[4,0],"info":[16,20]},"total":40}'
  run resmon logs web1 --stats --level warn --since 1h
  kill "$stand_in"
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = '40 lines' ]
  [[ $output == *$'by host\n  web1 '*' 30     75 %'* ]]
  [[ $output == *$'by unit\n  ss?hd'*$'(other values)'*' 33'* ]]
  [ "${lines[-2]}" = "  2025-11-30 00:00       20  $(printf 'E%.0s' {1..10})$(printf '#%.0s' {1..40})" ]
  [ "${lines[-1]}" = "  2025-11-30 00:01       20  $(printf '#%.0s' {1..50})" ]
  grep -q 'facets?hosts=web1&q=level%3A%3E%3Dwarn&start=20' "$BATS_TEST_TMPDIR/asked"
  wait "$stand_in" || true
}

@test "logs says why the server's answer is not complete" {
  export FAKE_LOGS='{"lines": [{"time": "2026-12-02T10:00:00Z", "host": "web1", "source": "journal", "message": "hello"}], "cursor": "",
    "partial": "the time for a query is over", "facets": [], "levels": {}, "buckets": 1, "start": 0, "step": 1000, "total": 1}'
  up_here --clients 0
  run resmon logs web1
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *hello* && $output == *'warning: the time for a query is over: older lines are left out'* ]]
  run resmon logs web1 --since 1h
  [[ $output == *hello* && $output == *'warning: the time for a query is over: later lines are left out'* ]]
}
