# simulate, configure, doctor and bench with stand-ins for the programs.

bats_require_minimum_version 1.5.0
load helpers/common
setup() { setup_house; }
teardown() { teardown_house; }

@test "simulate needs a server, and a number" {
  run resmon simulate 3
  [ "$status" -eq 4 ]
  for wrong in '' 0 -3 many '3;id'; do
    run resmon simulate ${wrong:+"$wrong"}
    [ "$status" -eq 2 ]
  done
}

@test "simulate --detach runs beside up's clients under other names, and down stops it" {
  up_here
  run resmon simulate 4 --detach --interval 1s -- --load-profile 'two words'
  [ "$status" -eq 0 ]
  tail -n 2 "$RESMON_HOME/load.arguments" | head -n 1 | grep -qx -- --load-profile
  tail -n 1 "$RESMON_HOME/load.arguments" | grep -qx 'two words'
  wait_until 60 bash -c "[ \$('$ROOT/resmon' status --json | jq '[.clients[] | select(.host | startswith(\"load-\"))] | length') -eq 4 ]"
  run resmon simulate 1 --detach
  [ "$status" -eq 1 ]
  [[ $output == *'running already'* ]]
  resmon down
  no_process
}

@test "simulate in the foreground stops with Ctrl-C" {
  up_here --clients 0
  env --default-signal=INT "$ROOT/resmon" simulate 2 3>&- >"$BATS_TEST_TMPDIR/output" 2>&1 &
  simulate=$!
  wait_until 60 test -e "$RESMON_HOME/fake-hosts/load-2"
  kill -INT "$simulate"
  wait "$simulate"
  [ "$(processes)" -eq 2 ]
}

@test "configure writes what is missing and nothing else" {
  run resmon configure --http-address "127.0.0.1:$HTTP_PORT" --interval 1s --host 'a "quoted" \ name'
  [ "$status" -eq 0 ]
  grep -qxF 'interval = "1s"' "$RESMON_HOME/client.toml"
  grep -qxF 'host = "a \"quoted\" \\ name"' "$RESMON_HOME/client.toml"
  [ -z "$(find "$RESMON_HOME" -type f -perm /077)" ]
  before=$(cat "$RESMON_HOME"/*.toml "$RESMON_HOME/token")
  run resmon configure
  [ "$status" -eq 0 ]
  [ "$before" = "$(cat "$RESMON_HOME"/*.toml "$RESMON_HOME/token")" ]
}

@test "configure set changes one key, keeps the rest and a backup" {
  resmon configure
  cp "$RESMON_HOME/server.toml" "$BATS_TEST_TMPDIR/before"
  resmon configure set store.directory '/srv/my data'
  run diff "$BATS_TEST_TMPDIR/before" "$RESMON_HOME/server.toml"
  [ "$(grep -c '^[<>]' <<<"$output")" -eq 2 ]
  cmp "$BATS_TEST_TMPDIR/before" "$RESMON_HOME"/server.toml.*.bak
  resmon configure set log.level debug
  grep -qx 'level = "debug"' "$RESMON_HOME/server.toml"
  grep -qx 'level = "debug"' "$RESMON_HOME/client.toml"
}

@test "configure set refuses what the program refuses, and changes nothing" {
  resmon configure
  before=$(cat "$RESMON_HOME/server.toml")
  run resmon configure set http.nonsense 1
  [ "$status" -eq 3 ]
  [[ $output == *'did you mean'* ]]
  [ "$before" = "$(cat "$RESMON_HOME/server.toml")" ]
  run resmon configure set 'a]b' 1
  [ "$status" -eq 2 ]
  run resmon configure --http-address nowhere
  [ "$status" -eq 2 ]
}

@test "configure --new-token puts a new token first and keeps the old" {
  resmon configure
  old=$(cat "$RESMON_HOME/token")
  run resmon configure --new-token
  [[ $output != *"$old"* ]]
  [ "$(tail -n 1 "$RESMON_HOME/token")" = "$old" ]
  [ "$(wc -l <"$RESMON_HOME/token")" -eq 2 ]
  [ "$(stat -c %a "$RESMON_HOME/token")" = 600 ]
}

@test "configure show hides secrets, check asks the programs" {
  resmon configure
  printf '\n[sink.main]\ntoken = "s3cr3t"\n' >>"$RESMON_HOME/server.toml"
  run resmon configure show
  [ "$status" -eq 0 ]
  [[ $output != *s3cr3t* && $output == *'"***"'* ]]
  run resmon configure check
  [ "$status" -eq 0 ]
  printf 'nonsense = 1\n' >>"$RESMON_HOME/server.toml"
  run resmon configure check
  [ "$status" -eq 3 ]
}

@test "doctor is content with a healthy house" {
  up_here
  run resmon doctor
  [ "$status" -eq 0 ]
  [[ $output == *'answers at'* ]]
  [ "$(resmon doctor --json | jq -r 'map(select(.check == "server"))[0].state')" = ok ]
  [[ $output != *'does not run'* ]]
  resmon stop client
  run resmon doctor
  [ "$status" -eq 0 ]
  [[ $output == *'warn  processes      client is configured, but does not run'*'remedy: ./resmon start client'* ]]
  [[ $output != *'server is configured, but'* ]]
}

@test "status and doctor tell of clients that the server does not let in" {
  FAKE_REFUSED=$(jq -cn '(now * 1000) as $now | [
    {host: "web2\u001b[31m", address: "10.0.0.2", code: "wrong_name", reason: "another name", times: 3, last: ($now - 5000)},
    {host: "web3", address: "10.0.0.3", code: "name_in_use", reason: "twice\ta\nday", times: 1, last: $now}]')
  export FAKE_REFUSED
  up_here
  run resmon status
  [[ $output =~ 'refused: web2?[31m from 10.0.0.2, '[0-9].*' ago: wrong_name: another name' ]]
  [ "$(resmon status --json | jq -c '[.refused_clients[] | [.host, .code, .times]]')" = '[["web2\u001b[31m","wrong_name",3],["web3","name_in_use",1]]' ]
  run resmon doctor
  [[ $output == *'warn  clients        web2?[31m is refused: another name'*'remedy: ./resmon configure enrol'* ]]
  [[ $output == *'web3 is refused (name_in_use): twice'* && $output != *$'\e[31m'* ]]
}

@test "alerts lists what fires first, of one host or rule, and cuts no host" {
  local long=database-of-the-northern-warehouse-in-the-old-building-7.example.org
  FAKE_ALERTS=$(jq -cn --arg long "$long" 'def one($host; $state; $since): {id: ($host[:6] + "-id"), rule: "disk-full", severity: "warning", host: $host, tags: {path: "/"},
    state: $state, since: $since, value_text: "95 %", limit_text: "90 %", held_by: "", acknowledged_by: ""};
    [one("gone"; "pending"; 1000), one("silent"; "unknown"; 2000), one("known"; "firing"; 3000) + {acknowledged_by: "mia"}, one($long; "firing"; 4000),
     one("other"; "firing"; 3500) + {rule: "busy"}]')
  export FAKE_ALERTS
  up_here --clients 0
  run resmon alerts
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(awk '/path=/ {print $3}' <<<"$output" | tr '\n' ' ')" = "other $long known silent gone " ]
  run resmon alerts --host known
  [[ $output == *known-id* && $output != *gone-id* && $output != *other-id* ]]
  run resmon alerts list --rule busy --json
  [ "$(jq -c '[.alerts[].host]' <<<"$output")" = '["other"]' ]
  run resmon alerts --host nobody
  [[ $output == *'no such alert'* && $output != *'nothing fires'* ]]
  # Where the terminal is too narrow, the host is cut.
  run script --quiet --command "stty cols 130; '$BATS_TEST_DIRNAME/../../resmon' alerts" /dev/null
  echo "$output"
  [[ $output == *"${long:0:40}"*…* && $output != *"$long"* ]]
  run script --quiet --command "stty cols 200; '$BATS_TEST_DIRNAME/../../resmon' alerts" /dev/null
  [[ $output == *"$long"* ]]
}

@test "alerts silence refuses a wrong span and a rule that there is not, and warns if no host matches" {
  FAKE_SILENCE='{"alerts": 0, "hosts": 0, "hosts_selected": 2, "rules_selected": 0}' up_here --clients 0
  for span in 30 2x h ''; do
    run resmon alerts silence --for "$span"
    [ "$status" -eq 2 ]
    [[ $output == *--for* && $output != *rules* ]]
  done
  run resmon alerts silence --rule 'no-such*' --for 2h
  [ "$status" -eq 2 ]
  [[ $output == *"no rule has the name 'no-such*'"*'nothing is silenced'*"'./resmon alerts rules'"* && $output != *'silenced for'* ]]
  resmon down
  FAKE_SILENCE='{"alerts": 0, "hosts": 0, "hosts_selected": 0, "rules_selected": 30}' up_here --clients 0
  run resmon alerts silence web9 --for '1h 30m'
  [ "$status" -eq 0 ]
  [[ $output == *"warning: no host matches 'web9' now"*'for 30 rules on 0 hosts'*'silenced for 1h 30m'*'unsilence 7'* ]]
}

@test "doctor names a taken port, open secrets and a wrong configuration, and a remedy for each" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  chmod 644 "$RESMON_HOME/token"
  printf 'nonsense = 1\n' >>"$RESMON_HOME/server.toml"
  listen "$TCP_PORT"
  run resmon doctor
  end_listener
  [ "$status" -eq 1 ]
  [[ $output == *"port $TCP_PORT is taken by"* ]]
  [[ $output == *'chmod 600'* ]]
  [[ $output == *'did you mean nonesuch'* ]]
  [ "$(grep -c 'remedy: ' <<<"$output")" -ge 3 ]
}

@test "bench lists what there is and runs it with its arguments" {
  run resmon bench
  [ "$status" -eq 0 ]
  printf '#!/bin/bash\nprintf "%%s|" "$@"\n' >"$RESMON_BUILD_DIR/bin/bench-fake"
  chmod +x "$RESMON_BUILD_DIR/bin/bench-fake"
  run resmon bench
  [[ $output == *fake* ]]
  printf 'build bin/bench-spool: x\n' >"$RESMON_BUILD_DIR/build.ninja"
  run resmon bench
  [[ $output == *"spool            The client's spool on disk: cost of a gather"* ]]
  rm "$RESMON_BUILD_DIR/build.ninja"
  run --separate-stderr resmon bench fake 'two words' three
  [ "$output" = 'two words|three|' ]
  run resmon bench nope
  [ "$status" -eq 2 ]
  run resmon bench ../../bin/id
  [ "$status" -eq 2 ]
}

@test "bench judges only what ran on a quiet machine, and records each run" {
  printf '#!/bin/bash\necho "figure 7  met"\necho "goal: most 8: 7  met"\n[[ "$*" != *fail* ]] || exit 1\n' >"$RESMON_BUILD_DIR/bin/bench-fake"
  chmod +x "$RESMON_BUILD_DIR/bin/bench-fake"
  RESMON_BENCH_MOST_OTHERS=1000 run --separate-stderr resmon bench fake
  [ "$status" -eq 0 ]
  [ "$output" = $'figure 7  met\ngoal: most 8: 7  met' ]
  jq -e '.bench == "fake" and .quiet and .figures[1] == "goal: most 8: 7  met" and .others_cores.mean >= 0' "$RESMON_HOME/bench/fake.json"
  RESMON_BENCH_MOST_OTHERS=-1 run --separate-stderr resmon bench fake
  [ "$status" -eq 3 ]
  [ "$output" = 'figure 7' ]
  # shellcheck disable=SC2154  # run --separate-stderr sets it
  [[ $stderr == *"no verdict: that is over -1"* ]]
  jq -e '(.quiet | not) and .figures == ["figure 7"]' "$RESMON_HOME/bench/fake.json"
  RESMON_BENCH_MOST_OTHERS=1000 run --separate-stderr resmon bench fake --json
  jq -e '.command == ["./resmon", "bench", "fake", "--json"] and .quiet' <<<"$output"
  run --separate-stderr resmon bench fake fail
  [ "$status" -eq 1 ]
  # What it started ends with it.
  printf '#!/bin/bash\nsleep 600 >/dev/null 2>&1 &\necho $!\n' >"$RESMON_BUILD_DIR/bin/bench-fake"
  run --separate-stderr resmon bench fake
  [[ ! -d /proc/$output || $(<"/proc/$output/stat") == *") Z "* ]]
}

@test "configure set keeps three copies of a file" {
  local minute
  resmon configure --http-address "127.0.0.1:$HTTP_PORT"
  for minute in 1 2 3 4 5; do resmon configure set http.address "127.0.0.1:$((HTTP_PORT + minute))"; done
  [ "$(find "$RESMON_HOME" -name 'server.toml.*.bak' | wc -l)" -eq 3 ]
  grep -h '^address' "$RESMON_HOME"/server.toml.*.bak | grep -q ":$((HTTP_PORT + 4))\""
}

@test "configure asks again for what is no answer" {
  run script --quiet --return --command "$ROOT/resmon configure" /dev/null < <(
    printf '%s\n' '' fast 2s nowhere '' '' maybe no yes
    wait_until 60 grep -qx 'interval = "2s"' "$RESMON_HOME/client.toml"
  )
  [ "$status" -eq 0 ]
  [[ $output == *"'fast' is not a duration"* && $output == *"'nowhere' is not HOST:PORT"* ]]
  [[ $output == *"answer yes or no, not 'maybe'"* ]]
  grep -qx 'interval = "2s"' "$RESMON_HOME/client.toml"
}

@test "doctor names a command that works for a user who is neither root nor in sudo" {
  ((EUID == 0)) || skip "needs root, to become another user"
  # Every program but sudo, and a dpkg-query that knows no package; where that user can reach it.
  local bin
  bin=$(mktemp -d)
  chmod 755 "$bin"
  ln -s /usr/bin/* "$bin"
  rm -f "$bin/sudo" "$bin/dpkg-query"
  printf '#!/bin/sh\nexit 1\n' >"$bin/dpkg-query"
  chmod 755 "$bin/dpkg-query"
  run env PATH="$bin" RESMON_HOME="$bin/home" setpriv --reuid 65534 --regid 65534 --clear-groups "$ROOT/resmon" doctor
  rm -rf "$bin"
  [[ $output == *'as root: apt-get install --no-install-recommends'* ]]
  [[ $output != *'./resmon up installs them'* ]]
}
