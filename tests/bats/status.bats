# status, start, stop and restart of what runs in systemd and in containers, with stand-ins for systemctl and docker.

load helpers/common
setup() {
  setup_house
  bin=$BATS_TEST_TMPDIR/path
  mkdir -p "$bin"
  export CALLS=$BATS_TEST_TMPDIR/calls
}
teardown() { teardown_house; }

stand_in() {
  cat >"$bin/$1"
  chmod +x "$bin/$1"
}

# on_systemd COMMAND…: where /run says that systemd runs and /etc/resmon has this house's server.toml, both seen by COMMAND alone.
on_systemd() {
  # shellcheck disable=SC2016 # for the inner shell
  PATH=$bin:$PATH unshare --mount --propagation private bash -c '
    set -e
    mount -t tmpfs tmpfs /run
    mkdir -p /run/systemd/system /run/etc /run/work
    mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work /etc
    mkdir -p /etc/resmon
    cp "$RESMON_HOME/server.toml" /etc/resmon/server.toml
    exec "$@"' - "$@"
}

need_systemd_stand_in() {
  ((EUID == 0)) || skip "needs root, for a mount namespace"
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  stand_in systemctl <<'SYSTEMCTL'
#!/bin/bash
printf '%s\n' "$*" >>"$CALLS"
case $* in
  'cat -- resmon-server.service') ;;
  'cat -- resmon-client.service') [[ -z ${NO_CLIENT-} ]] ;;
  'show --property=MainPID --value -- resmon-server.service') echo 4242 ;;
  'show '*) echo 0 ;;
  'is-active --quiet -- resmon-server.service') ;;
  'is-active '*) exit 3 ;;
esac
SYSTEMCTL
  on_systemd true 2>"$BATS_TEST_TMPDIR/why" || skip "mount namespaces are not allowed here: $(cat "$BATS_TEST_TMPDIR/why")"
}

@test "status --systemd tells of both units, and asks the server for its clients" {
  need_systemd_stand_in
  resmon start
  run on_systemd "$ROOT/resmon" status --systemd --json
  [ "$status" -eq 1 ]
  [ "$(jq -c '[.services[] | [.where, .role, .state, .pid]]' <<<"$output")" = '[["systemd","server","up",4242],["systemd","client","down",null]]' ]
  [ "$(jq -r .http_url <<<"$output")" = "http://127.0.0.1:$HTTP_PORT" ]
  [ "$(jq '[.clients[] | select(.up)] | length' <<<"$output")" = 1 ]
  [ "$(jq -r '.server.version' <<<"$output")" = 9.9.9 ]
  run on_systemd "$ROOT/resmon" status --systemd
  [[ $output == *WHERE*systemd*server*up*4242*'LAST SEEN'* ]]
  run on_systemd "$ROOT/resmon" status server --systemd
  [ "$status" -eq 0 ]
}

@test "status --systemd: a machine with one of the two packages is well; a server that does not answer is 4" {
  need_systemd_stand_in
  resmon start
  NO_CLIENT=yes run on_systemd "$ROOT/resmon" status --systemd --json
  [ "$status" -eq 0 ]
  [ "$(jq -c '[.services[].state]' <<<"$output")" = '["up","absent"]' ]
  resmon stop
  NO_CLIENT=yes run on_systemd "$ROOT/resmon" status --systemd
  [ "$status" -eq 4 ]
}

@test "start, stop and restart --systemd give the units to systemctl, those that are installed" {
  need_systemd_stand_in
  for verb in start stop restart; do
    run on_systemd "$ROOT/resmon" "$verb" --systemd
    [ "$status" -eq 0 ]
    grep -qx "$verb -- resmon-server.service resmon-client.service" "$CALLS"
  done
  NO_CLIENT=yes run on_systemd "$ROOT/resmon" restart --systemd
  grep -qx 'restart -- resmon-server.service' "$CALLS"
  NO_CLIENT=yes run on_systemd "$ROOT/resmon" restart client --systemd
  [ "$status" -eq 1 ]
  [[ $output == *'resmon-client.service'* ]]
}

need_docker_stand_in() {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  export RESMON_ENV_FILE=$BATS_TEST_TMPDIR/secrets
  printf 'RESMON_TOKEN=%s\nRESMON_HTTP_PORT=%s\nRESMON_TCP_PORT=%s\n' "$(head -n 1 "$RESMON_HOME/token")" "$HTTP_PORT" "$TCP_PORT" \
    >"$RESMON_ENV_FILE"
  # The secrets' container has done its work.
  stand_in docker <<'DOCKER'
#!/bin/bash
printf '%s\n' "$*" >>"$CALLS"
case $* in
  *' ps -q') printf '%s\n' one two three ;;
  inspect*)
    printf 'server running %s 4242 0 unless-stopped\nclient %s - %s 1 unless-stopped\nsecrets exited - 0 0 no\n' \
      "${HEALTH-healthy}" "${CLIENT-running}" "${CLIENT_PID-77}" ;;
esac
DOCKER
  PATH=$bin:$PATH
}

@test "status --docker tells of the containers, and asks the server for its clients" {
  need_docker_stand_in
  resmon start
  run resmon status --docker --json
  [ "$status" -eq 0 ]
  [ "$(jq -c '[.services[] | [.where, .role, .state, .pid]]' <<<"$output")" = '[["docker","server","up",4242],["docker","client","up",77]]' ]
  [ "$(jq -r '.http_url + " " + .server.version' <<<"$output")" = "http://127.0.0.1:$HTTP_PORT 9.9.9" ]
  [ "$(jq '[.clients[] | select(.up)] | length' <<<"$output")" = 1 ]
  [[ $output$(cat "$CALLS") != *"$(head -n 1 "$RESMON_HOME/token")"* ]]
  CLIENT=exited CLIENT_PID=0 run resmon status --docker --json
  [ "$status" -eq 1 ]
  [ "$(jq -c '[.services[].state]' <<<"$output")" = '["up","down"]' ]
  HEALTH=unhealthy run resmon status --docker
  [ "$status" -eq 1 ]
  [[ $output == *docker*server*down* ]]
  resmon stop
  run resmon status --docker
  [ "$status" -eq 4 ]
}

@test "status --docker where nothing was started, or no docker is, says so" {
  need_docker_stand_in
  RESMON_ENV_FILE=$BATS_TEST_TMPDIR/none run resmon status --docker
  [ "$status" -eq 1 ]
  [[ $output == *'up --docker'* ]]
  stand_in docker <<<$'#!/bin/bash\necho "Cannot connect to the Docker daemon" >&2; exit 1'
  run resmon status --docker
  [ "$status" -eq 1 ]
  [[ $output == *'docker does not answer'* ]]
}

@test "start, stop and restart --docker are Compose's" {
  need_docker_stand_in
  for verb in start stop restart; do
    run resmon "$verb" --docker
    [ "$status" -eq 0 ]
    grep -qE -- "^compose .* $verb\$" "$CALLS"
  done
}

@test "status --all has the hosts of other servers, and says which do not answer" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  resmon start
  run resmon status --all
  echo "$output"
  [ "$status" -eq 0 ]
  grep -E '^HOST +STATE +SERVER ' <<<"$output"
  grep -E '^far +up +server-2 ' <<<"$output"
  grep -E '^twin +up +server-1 ' <<<"$output"
  [[ $output == *'away: server-3: refused; hosts may be missing here'* ]]
  [[ $output == *'two clients use the name twin, on server-1 and on server-2'* ]]
  run resmon status --all --json
  [ "$(jq -c '[.clients[] | select(.host == "far") | .server], .partial' <<<"$output")" = $'["server-2"]\n"server-3 does not answer: refused"' ]
  run resmon status
  [[ $output != *SERVER* && $output != *far* ]]
}

@test "status and doctor name the scripts of clients that fail, and those that could not be run" {
  export FAKE_FAILING_SCRIPTS='[["it\u0027s", "script.queue", 127], ["web1", "script.backup\u001b[31m", 3]]'
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT"
  resmon start
  run resmon status
  echo "$output"
  [[ $output == *"failing: script queue on it's could not be run"* ]]
  [[ $output == *'failing: script backup?[31m on web1 failed with exit code 3'* ]]
  run resmon status --json
  [ "$(jq -c '.failing_scripts[0]' <<<"$output")" = '{"host":"it'"'"'s","script":"queue","exit_code":127}' ]
  run resmon doctor
  echo "$output"
  [[ $output == *"script queue on it's could not be run"*'./resmon logs client'* ]]
  unset FAKE_FAILING_SCRIPTS
  resmon restart server
  run resmon status
  [[ $output != *failing:\ script* ]]
}
