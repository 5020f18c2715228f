# up, down and status with stand-ins for the programs.

load helpers/common
setup() { setup_house; }
teardown() { teardown_house; }

@test "up shows the address, status has the contract's fields, down leaves nothing" {
  run up_here
  [ "$status" -eq 0 ]
  [[ $output == *"http://127.0.0.1:$HTTP_PORT/"* ]]
  [[ $output == *'./resmon down'* ]]

  facts=$(resmon status --json)
  [ "$(jq -r .http_url <<<"$facts")" = "http://127.0.0.1:$HTTP_PORT" ]
  [ "$(jq -r .tcp_address <<<"$facts")" = "127.0.0.1:$TCP_PORT" ]
  [ "$(jq -r .state_dir <<<"$facts")" = "$RESMON_HOME" ]
  [ -s "$(jq -r .token_file <<<"$facts")" ]
  [ "$(jq -r .server.pid <<<"$facts")" = "$(pid_in server)" ]
  [ "$(jq -c '.server | keys' <<<"$facts")" = '["missing_from","missing_samples","missing_to","pid","uptime_seconds","version"]' ]
  [ "$(jq -c '[.clients[].host] | sort' <<<"$facts")" = "$(jq -cn --arg host "$(uname -n)" '["sim-1", "sim-2", $host] | sort')" ]
  [ "$(jq -c '.clients[0] | keys' <<<"$facts")" = '["backlog_samples","dropped_samples","host","lag_seconds","last_refusal","last_seen_seconds","refused_samples","up"]' ]
  [ "$(jq -c '.sinks[0] | keys' <<<"$facts")" = '["backlog_samples","failing_since","lag_seconds","last_error","last_error_time","lost_samples","name","refused_samples","state"]' ]

  run resmon down
  [ "$status" -eq 0 ]
  no_process
  run resmon status --json
  [ "$status" -eq 1 ]
  [ "$(jq .server <<<"$output")" = null ]
}

@test "up twice is harmless and says so" {
  up_here
  before=$(pid_in server)/$(pid_in client)/$(pid_in load)
  run resmon up
  [ "$status" -eq 0 ]
  [[ $output == *'already running'* ]]
  [ "$before" = "$(pid_in server)/$(pid_in client)/$(pid_in load)" ]
  [ "$(processes)" -eq 3 ]
}

@test "two ups at once start one of each" {
  up_here 3>&- &
  first=$!
  run up_here
  [ "$status" -eq 0 ]
  wait "$first"
  [ "$(processes)" -eq 3 ]
}

@test "up again heals what has died" {
  up_here
  server=$(pid_in server)
  kill -KILL "$(pid_in client)"
  run resmon up
  [ "$status" -eq 0 ]
  [ "$(pid_in server)" = "$server" ]
  [ "$(processes)" -eq 3 ]
}

@test "--clients gives that many, changes a running number, and 0 is none" {
  up_here --clients=0
  [ "$(processes)" -eq 2 ]
  resmon up --clients 5
  [ "$(resmon status --json | jq '[.clients[] | select(.up and (.host | startswith("sim-")))] | length')" -eq 5 ]
  resmon up --clients 1
  [ "$(resmon status --json | jq '[.clients[] | select(.up and (.host | startswith("sim-")))] | length')" -eq 1 ]
  run resmon up --clients many
  [ "$status" -eq 2 ]
  run resmon up --clients
  [ "$status" -eq 2 ]
}

@test "state, token and configuration are for the owner only, and the token is random" {
  umask 000
  up_here
  [ "$(stat -c %a "$RESMON_HOME")" = 700 ]
  run find "$RESMON_HOME" -type f -perm /077 -not -path '*/fake-hosts/*'
  [ -z "$output" ]
  [[ $(cat "$RESMON_HOME/token") =~ ^[0-9a-f]{64}$ ]]
}

@test "the token is in no command line, no log and no output, and is what the server gets" {
  export FAKE_RECORD="$BATS_TEST_TMPDIR/authorization"
  run up_here
  token=$(cat "$RESMON_HOME/token")
  [[ $output != *"$token"* ]]
  run grep -rlF "$token" "$RESMON_HOME/log" "$RESMON_HOME/load.arguments"
  [ -z "$output" ]
  run resmon status
  [[ $output != *"$token"* ]]
  [ "$(cat "$FAKE_RECORD")" = "Bearer $token" ]

  # Every command line that status makes, as the kernel sees it.
  mkdir "$BATS_TEST_TMPDIR/path"
  printf '#!/bin/bash\ntr "\\0" " " </proc/$$/cmdline >>"%s"\nexec /usr/bin/curl "$@"\n' "$BATS_TEST_TMPDIR/seen" >"$BATS_TEST_TMPDIR/path/curl"
  chmod +x "$BATS_TEST_TMPDIR/path/curl"
  PATH="$BATS_TEST_TMPDIR/path:$PATH" resmon status >/dev/null
  grep -q api/v1/hosts "$BATS_TEST_TMPDIR/seen"
  run grep -cF "$token" "$BATS_TEST_TMPDIR/seen"
  [ "$output" = 0 ]
}

@test "a first configuration keeps the program's own comments and names this house" {
  up_here
  grep -q '^# Where clients connect.$' "$RESMON_HOME/server.toml"
  grep -qxF "address = \"127.0.0.1:$TCP_PORT\"" "$RESMON_HOME/server.toml"
  grep -qxF "token_file = \"$RESMON_HOME/token\"" "$RESMON_HOME/client.toml"
  grep -qxF "servers = [\"127.0.0.1:$TCP_PORT\"]" "$RESMON_HOME/client.toml"
}

@test "another port is kept in both files, with a backup of each" {
  up_here
  resmon down
  other=$(free_port)
  resmon up --tcp-port "$other"
  grep -qxF "servers = [\"127.0.0.1:$other\"]" "$RESMON_HOME/client.toml"
  [ "$(resmon status --json | jq -r .tcp_address)" = "127.0.0.1:$other" ]
  [ "$(find "$RESMON_HOME" -name '*.bak' | wc -l)" -eq 2 ]
  run resmon up --tcp-port "$TCP_PORT"
  [ "$status" -eq 1 ]
  [[ $output == *'running on another port'* ]]
}

@test "addresses in the environment win over the file" {
  export RESMON_HTTP_ADDRESS=127.0.0.1:$HTTP_PORT RESMON_LISTEN_ADDRESS=127.0.0.1:$TCP_PORT
  resmon up
  unset RESMON_HTTP_ADDRESS RESMON_LISTEN_ADDRESS
  [ "$(resmon status --json | jq -r .http_url)" = "http://127.0.0.1:$HTTP_PORT" ]
  grep -qxF "$TCP_PORT" <<<"$(grep -A 1 -x -- --server "$RESMON_HOME/load.arguments" | tail -n 1 | cut -d : -f 2)"
}

@test "what up was given is kept, so that a restart from another shell has it too" {
  INFLUX_URL=http://db:8086 INFLUX_TOKEN='s3cr3t"' INFLUX_ORG='my "org' INFLUX_BUCKET=b RESMON_SINK_OTHER_URL=http://o:1 RESMON_SINK_OTHER_PASSWORD=p4ss \
    RESMON_SINK_OTHER_GZIP=false RESMON_LOG_LEVEL=debug RESMON_HTTP_ADDRESS=127.0.0.1:$HTTP_PORT RESMON_LISTEN_ADDRESS=127.0.0.1:$TCP_PORT run resmon up
  [ "$status" -eq 0 ]
  [[ $output == *'server.toml: set from the environment'*'sink.influx.url'* ]]
  [[ $output != *s3cr3t* && $output != *p4ss* ]]
  facts=$(resmon configure show --json)
  [ "$(jq -r '.server["sink.influx.url"], .server["sink.influx.org"], .server["sink.influx.bucket"], .server["sink.other.url"], .server["sink.other.gzip"]' <<<"$facts")" = \
    $'http://db:8086\nmy "org\nb\nhttp://o:1\nfalse' ]
  [ "$(cat "$(jq -r '.server["sink.influx.token_file"]' <<<"$facts")")" = 's3cr3t"' ]
  [ "$(cat "$(jq -r '.server["sink.other.password_file"]' <<<"$facts")")" = p4ss ]
  run grep -rl -e s3cr3t -e p4ss "$RESMON_HOME/server.toml" "$RESMON_HOME/client.toml" "$RESMON_HOME/log"
  [ "$status" -eq 1 ]
  [ -z "$(find "$RESMON_HOME" -type f -perm /077 -not -path '*/fake-hosts/*')" ]
  [ "$(jq -r '.server["http.address"], .server["listen.address"], .server["log.level"]' <<<"$facts")" = "127.0.0.1:$HTTP_PORT"$'\n'"127.0.0.1:$TCP_PORT"$'\ndebug' ]
  [ "$(jq -c '.client["client.servers"]' <<<"$facts")" = "[\"127.0.0.1:$TCP_PORT\"]" ]
  run resmon restart
  [ "$status" -eq 0 ]
  [ "$(resmon configure show --json)" = "$facts" ]
  [ "$(resmon status --json | jq -r .tcp_address)" = "127.0.0.1:$TCP_PORT" ]
  # And what is given again changes nothing.
  INFLUX_URL=http://db:8086 run resmon up
  [[ $output != *'set from the environment'* ]]
  # A program that runs keeps its settings until it is restarted, and up says so.
  INFLUX_URL=http://db2:8086 run resmon up
  [[ $output == *'server.toml: set from the environment: sink.influx.url'*"'./resmon restart server'"* ]]
}

@test "a database that fails shows in status with its reason; one that is no longer configured is told with what waited" {
  up_here
  run resmon status
  [[ $output == *'failing: influx?[31m, for 3 min: 200 OK: <!doctype html>?[2J'* ]]
  [[ $output != *removed:* && $output != *'database none'* ]]
  resmon down
  FAKE_REMOVED_SINK=$'old\e[31m' run resmon up
  [ "$status" -eq 0 ]
  [[ $output == *'the database old?[31m is no longer configured; 12 journal entries that waited for it are dropped'* ]]
  run resmon status
  [[ $output == *'removed: old?[31m is no longer configured; 12 entries'* ]]
  resmon down
  FAKE_NO_SINKS=yes up_here
  run resmon status
  [[ $output == *'database none'* ]]
}

@test "a taken port is named with its holder and nothing is left" {
  listen "$HTTP_PORT"
  run up_here
  end_listener
  [ "$status" -eq 1 ]
  [[ $output == *"port $HTTP_PORT is taken"* ]]
  [[ $output == *"(pid $LISTENER)"* ]]
  [[ $output == *--http-port* ]]
  no_process
}

@test "a server that ends at once: its words, its exit code, nothing left" {
  for code in 3 5 1; do
    FAKE_SERVER_EXIT=$code run up_here
    [ "$status" -eq "$code" ]
    [[ $output == *'the stand-in fails as told'* ]]
    no_process
  done
}

@test "a client that ends at once: its exit code, and the server is stopped again" {
  FAKE_CLIENT_EXIT=4 run up_here
  [ "$status" -eq 4 ]
  no_process
}

@test "a server that is never ready fails, and leaves nothing" {
  FAKE_NEVER_READY=1 RESMON_UP_TIMEOUT=2 run up_here
  [ "$status" -eq 1 ]
  [[ $output == *'not ready'* ]]
  no_process
}

@test "the first password is shown once, when up fails after it was made, too" {
  FAKE_FIRST_USER=$'admin\tsecret-word' FAKE_NEVER_READY=1 RESMON_UP_TIMEOUT=2 run up_here
  [ "$status" -eq 1 ]
  [ "$(grep -c secret-word <<<"$output")" = 1 ]
  FAKE_FIRST_USER=$'admin\tsecret-word' run up_here
  [ "$status" -eq 0 ]
  [ "$(grep -c secret-word <<<"$output")" = 1 ]
}

@test "no data within the deadline fails, says what is missing, and leaves nothing" {
  FAKE_CLIENT_SILENT=1 RESMON_UP_TIMEOUT=5 run up_here
  [ "$status" -eq 1 ]
  [[ $output == *'this machine 0 of 1, simulated 2 of 2'* ]]
  no_process
}

@test "a client that has connected but sent nothing is not yet visible" {
  FAKE_NO_DATA=1 RESMON_UP_TIMEOUT=2 run up_here
  [ "$status" -eq 1 ]
  [[ $output == *'this machine 0 of 1, simulated 0 of 2'* ]]
  no_process
}

@test "a wrong configuration is exit code 3 with the program's words" {
  up_here
  resmon down
  printf '\nnonsense = 1\n' >>"$RESMON_HOME/server.toml"
  run resmon up
  [ "$status" -eq 3 ]
  [[ $output == *'did you mean nonesuch?'* ]]
  no_process
}

# interrupt SIGNAL: up is interrupted while it waits for data.
interrupt() {
  RESMON_UP_TIMEOUT=120 FAKE_CLIENT_SILENT=1 env --default-signal=INT "$ROOT/resmon" up --http-port "$HTTP_PORT" --tcp-port "$TCP_PORT" 3>&- >"$BATS_TEST_TMPDIR/output" 2>&1 &
  up=$!
  wait_until 60 grep -q 'simulated 2 of 2' "$BATS_TEST_TMPDIR/output"
  kill "-$1" "$up"
  code=0
  wait "$up" || code=$?
  wait_until 60 no_process
}

@test "Ctrl-C during up leaves nothing behind" {
  interrupt INT
  [ "$code" -eq 130 ]
}

@test "SIGTERM during up leaves nothing behind" {
  interrupt TERM
  [ "$code" -eq 143 ]
}

@test "Ctrl-C during a build ends the build" {
  unset RESMON_NO_BUILD
  mkdir "$BATS_TEST_TMPDIR/path"
  printf '#!/bin/bash\necho $$ >"%s"\nsleep 60\n' "$BATS_TEST_TMPDIR/cmake.pid" >"$BATS_TEST_TMPDIR/path/cmake"
  # All packages are there, says this dpkg-query.
  # shellcheck disable=SC2016 # the stand-in's own variables
  printf '#!/bin/bash\nfor p in "$@"; do echo "installed $p"; done\n' >"$BATS_TEST_TMPDIR/path/dpkg-query"
  chmod +x "$BATS_TEST_TMPDIR/path"/*
  PATH="$BATS_TEST_TMPDIR/path:$PATH" env --default-signal=INT "$ROOT/resmon" up --http-port "$HTTP_PORT" --tcp-port "$TCP_PORT" 3>&- >"$BATS_TEST_TMPDIR/output" 2>&1 &
  up=$!
  wait_until 60 test -s "$BATS_TEST_TMPDIR/cmake.pid"
  kill -INT "$up"
  wait "$up" || true
  run kill -0 "$(cat "$BATS_TEST_TMPDIR/cmake.pid")"
  [ "$status" -ne 0 ]
}

@test "down where nothing runs is harmless" {
  run resmon down
  [ "$status" -eq 0 ]
  [ ! -e "$RESMON_HOME" ]
  up_here
  resmon down
  run resmon down
  [ "$status" -eq 0 ]
  [[ $output == *'nothing is running'* ]]
}

@test "down never signals a recycled pid" {
  up_here
  resmon down
  sleep 60 3>&- &
  stranger=$!
  printf '%s 12345 %s\n' "$stranger" "$(cat /proc/sys/kernel/random/boot_id)" >"$RESMON_HOME/run/server.pid"
  printf '%s %s another-boot\n' "$stranger" "$(sed 's/.*) //' "/proc/$stranger/stat" | cut -d ' ' -f 20)" >"$RESMON_HOME/run/client.pid"
  printf '%s\n' "$stranger" >"$RESMON_HOME/run/load.pid"
  # shellcheck disable=SC2016 # text, on purpose
  printf 'rubbish; $(id)\n' >"$RESMON_HOME/run/simulate.pid"
  run resmon down
  [ "$status" -eq 0 ]
  kill -0 "$stranger"
  kill "$stranger"
  [ -z "$(find "$RESMON_HOME/run" -name '*.pid')" ]
}

@test "status is 1 for a stale pid file" {
  up_here
  kill -KILL "$(pid_in server)"
  wait_until 60 bash -c "! kill -0 $(pid_in server)"
  run resmon status
  [ "$status" -eq 1 ]
  [[ $output == *down* ]]
}

@test "status is 4 when the server runs and does not answer" {
  up_here
  kill -STOP "$(pid_in server)"
  run resmon status --json
  kill -CONT "$(pid_in server)"
  [ "$status" -eq 4 ]
}

@test "hostile names cannot drive the terminal or the shell" {
  name=$'a\033]0;x\007b\u202e$(touch '"$BATS_TEST_TMPDIR"$'/owned)`id`\ttab\nline %s; rm'
  FAKE_HOST=$name "$ROOT/resmon" up --http-port "$HTTP_PORT" --tcp-port "$TCP_PORT" --clients 1 &
  wait_until 60 test -e "$RESMON_HOME/fake-hosts/client"
  run resmon status
  [ "$status" -eq 0 ]
  [[ $output != *$'\033'* && $output != *$'\007'* && $output != *$'\u202e'* ]]
  [ "$(grep -c ' up ' <<<"$output")" -ge 1 ]
  [ ! -e "$BATS_TEST_TMPDIR/owned" ]
  [ "$(resmon status --json | jq -r '.clients[] | select(.host | startswith("a")) | .host')" = "$name" ]
  kill %1
  wait || true
}

@test "a server that ignores SIGTERM is ended all the same" {
  FAKE_STUBBORN=1 up_here
  run resmon down
  [ "$status" -eq 0 ]
  [[ $output == *'did not stop within'* ]]
  no_process
}

@test "up on a disk that is nearly full fails at once and says what is missing" {
  ((EUID == 0)) || skip "needs root, to mount a file system"
  mkdir -p "$RESMON_HOME"
  mount -t tmpfs -o size=32m tmpfs "$RESMON_HOME" 2>/dev/null || skip "mounting is not allowed here"
  run up_here --no-build
  umount -l "$RESMON_HOME"
  [ "$status" -eq 1 ]
  [[ $output =~ only\ [0-9]+\ MiB\ are\ free ]]
  no_process
}
