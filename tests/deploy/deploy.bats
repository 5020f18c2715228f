# deploy, start, stop, restart and logs against real sshds on test hosts (hosts.bash): three machines, one of them broken.

# shellcheck source=tests/deploy/hosts.bash
source "$BATS_TEST_DIRNAME/hosts.bash"

setup_file() {
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  export ROOT RESMON_HOME="$BATS_FILE_TMPDIR/ho me" RESMON_BUILD_DIR=${RESMON_BUILD_DIR:-$ROOT/build} RESMON_NO_BUILD=1
  local why=
  ((EUID == 0)) || why="needs root, for network namespaces"
  [[ -x /usr/sbin/sshd ]] || why="needs openssh-server"
  [[ -n $why ]] || ip netns add resmon-probe 2>/dev/null || why="network namespaces are not allowed here"
  ip netns del resmon-probe 2>/dev/null || true
  if [[ -n $why ]]; then
    export SKIP_WHY=$why
    return 0
  fi
  hosts_begin "$BATS_FILE_TMPDIR/fleet"
  export fleet fleet_tag RESMON_SSH_CONFIG=$fleet/ssh_config
  local number
  for number in 11 12 13; do host_make "host$number" "$number"; done
  printf '%s\n' "${host_pids[@]}" >"$BATS_FILE_TMPDIR/pids"
  host_wait 11 12 13
  resmon configure --tls 10.77.0.1 --tcp-address 0.0.0.0:7411 --http-address 127.0.0.1:7412
  resmon start server
}

teardown_file() {
  [[ -z ${SKIP_WHY-} ]] || return 0
  resmon down || true
  mapfile -t host_pids <"$BATS_FILE_TMPDIR/pids"
  hosts_end
}

setup() { [[ -z ${SKIP_WHY-} ]] || skip "$SKIP_WHY"; }

# The command as its user has it, on the fleet's network.
resmon() { in_fleet "$ROOT/resmon" "$@" 3>&-; }
deploy() { resmon deploy client "$@" --server 10.77.0.1:7411 --interval 1s; }
# refused COMMAND…: fails unless COMMAND does (bats takes no notice of a bare !).
refused() { if "$@"; then return 1; fi; }
there() { in_fleet ssh -F "$RESMON_SSH_CONFIG" -o LogLevel=ERROR "$@" </dev/null; }
query() { in_fleet curl -sS --noproxy '*' -G http://127.0.0.1:7412/query -d db=resmon -d epoch=s --data-urlencode "q=$1"; }
other_program() {
  cp "$RESMON_BUILD_DIR/bin/resmon-client" "$BATS_FILE_TMPDIR/$1"
  printf '%s' "$1" >>"$BATS_FILE_TMPDIR/$1"
}

@test "a dry run says what would be done, and does nothing" {
  run deploy 10.77.0.11 10.77.0.12 --dry-run
  [ "$status" -eq 0 ]
  [ "$(grep -c 'would install' <<<"$output")" -eq 2 ]
  refused there 10.77.0.11 'test -e /opt/resmon/client'
}

@test "three hosts in one command: a full one is reported, the data of the others arrives" {
  there 10.77.0.13 'mkdir -p /opt && mount -t tmpfs -o size=1m full /opt'
  run deploy 10.77.0.11 10.77.0.12 10.77.0.13
  [ "$status" -eq 1 ]
  [[ $output == *'FAILED  10.77.0.13'*'disk'* ]]
  [[ $output == *'2 of 3 done'* ]]
  run resmon status --json
  [ "$(jq -r '[.clients[] | select(.up) | .host] | join(" ")' <<<"$output")" = 'host11 host12' ]
  there 10.77.0.13 'umount /opt'
}

@test "a client that is refused because another machine has its name is not done" {
  # host12 sends as host11; host11 itself is up, so the server has new data of that name all the time.
  run deploy 10.77.0.12 --name host11 --wait 8 --overwrite-config
  [ "$status" -eq 1 ]
  [[ $output == *'FAILED  10.77.0.12'*'name_in_use'* ]]
  run deploy 10.77.0.12 --name host12 --overwrite-config
  [ "$status" -eq 0 ]
}

@test "a host's token is good for its name only; another deploy mends what was copied" {
  [ "$(sed -nE 's/^[0-9a-f]{64} (host1.)$/\1/p' "$RESMON_HOME/token" | sort | tr '\n' ' ')" = 'host11 host12 ' ]
  token=$(there 10.77.0.11 'cat /etc/resmon/client.token')
  in_fleet ssh -F "$RESMON_SSH_CONFIG" 10.77.0.12 'cat >/etc/resmon/client.token' <<<"$token"
  deadline=$((SECONDS + 30))
  until there 10.77.0.12 'grep -q "cannot connect.*wrong_name" /var/log/resmon/client.log'; do
    ((SECONDS < deadline))
    sleep 0.5
  done
  run resmon logs server --grep wrong_name
  [[ $output == *'host=host12'*"the token of 'host11'"* ]]
  run deploy 10.77.0.12
  [ "$status" -eq 0 ]
  # With --any-name it is good for any, until it is bound again.
  run deploy 10.77.0.12 --any-name
  [ "$status" -eq 0 ]
  grep -qxF "$(there 10.77.0.12 'cat /etc/resmon/client.token') # host12" "$RESMON_HOME/token"
  run deploy 10.77.0.12 --rotate-token
  [ "$status" -eq 0 ]
  grep -qxF "$(there 10.77.0.12 'cat /etc/resmon/client.token') host12" "$RESMON_HOME/token"
  [ "$(grep -c host12 "$RESMON_HOME/token")" -eq 1 ]
}

@test "a client keeps the name that it has there until another is given" {
  run deploy 10.77.0.12 --name twelve
  [ "$status" -eq 0 ]
  [ "$(deploy 10.77.0.12 --json 2>/dev/null | jq -r '.[0] | .client + " " + .state')" = 'twelve ok' ]
  there 10.77.0.12 'grep -qx "host = \"twelve\"" /etc/resmon/client.toml'
  run deploy 10.77.0.12 --name host12
  [ "$status" -eq 0 ]
  run deploy 10.77.0.12 --set client.host=other
  [ "$status" -eq 2 ]
}

@test "secrets are for their owner only, and on no command line" {
  [ "$(there 10.77.0.11 'stat -c %a /etc/resmon/client.token /etc/resmon/client.toml | sort -u')" = 600 ]
  token=$(there 10.77.0.11 'cat /etc/resmon/client.token')
  [ "${#token}" -eq 64 ]
  run there 10.77.0.11 'cat /proc/[0-9]*/cmdline | tr "\0" " "'
  [[ $output != *"$token"* ]]
  refused grep -rqF "$token" "$RESMON_HOME/log"
}

@test "a second time nothing is changed" {
  before=$(there 10.77.0.11 'cat /run/resmon/client.pid; readlink /opt/resmon/client/current; ls /etc/resmon')
  run deploy 10.77.0.11
  [ "$status" -eq 0 ]
  [ "$before" = "$(there 10.77.0.11 'cat /run/resmon/client.pid; readlink /opt/resmon/client/current; ls /etc/resmon')" ]
}

@test "a program whose version is no name of a folder is refused before anything is copied" {
  printf '#!/bin/sh\necho resmon-client 1.0.0+dirty~1\n' >"$BATS_FILE_TMPDIR/odd"
  chmod +x "$BATS_FILE_TMPDIR/odd"
  run deploy 10.77.0.11 --binary "$BATS_FILE_TMPDIR/odd" --upgrade
  [ "$status" -eq 1 ]
  [[ $output == *"'1.0.0+dirty~1'"* ]]
}

@test "another release needs --upgrade; --rollback goes back" {
  other_program newer
  run deploy 10.77.0.11 --binary "$BATS_FILE_TMPDIR/newer"
  [ "$status" -eq 1 ]
  [[ $output == *'--upgrade changes it'* ]]
  first=$(there 10.77.0.11 'readlink /opt/resmon/client/current')
  run deploy 10.77.0.11 --binary "$BATS_FILE_TMPDIR/newer" --upgrade
  [ "$status" -eq 0 ]
  [[ $output == *'upgraded from'* ]]
  [ "$first" != "$(there 10.77.0.11 'readlink /opt/resmon/client/current')" ]
  run deploy 10.77.0.11 --rollback
  [ "$status" -eq 0 ]
  [ "$first" = "$(there 10.77.0.11 'readlink /opt/resmon/client/current')" ]
}

@test "an upgrade that does not start goes back by itself" {
  {
    printf '#!/bin/bash\ncase " $* " in\n*" --version "*) echo "resmon-client 9.0.0"; exit 0 ;;\n*" --check-config "*) exit 0 ;;\n'
    printf '*" --print-config "*) exec %q --print-config ;;\nesac\nexit 1\n' "$RESMON_BUILD_DIR/bin/resmon-client"
  } >"$BATS_FILE_TMPDIR/broken"
  chmod +x "$BATS_FILE_TMPDIR/broken"
  before=$(there 10.77.0.12 'readlink /opt/resmon/client/current')
  run deploy 10.77.0.12 --binary "$BATS_FILE_TMPDIR/broken" --upgrade
  [ "$status" -eq 1 ]
  [[ $output == *'ended at once: it said nothing; went back to'* ]]
  [ "$before" = "$(there 10.77.0.12 'readlink /opt/resmon/client/current')" ]
  run resmon status --json
  jq -e 'any(.clients[]; .host == "host12" and .up)' <<<"$output"
}

@test "a mixed fleet: each machine gets the client for its architecture, and one command upgrades all" {
  # host12 says that it is another machine; the client for that is this machine's with a few bytes more.
  local build=$BATS_TEST_TMPDIR/build other=aarch64
  [[ $(uname -m) != aarch64 ]] || other=x86_64
  mkdir -p "$build/bin/clients"
  mixed() { RESMON_BUILD_DIR=$build deploy 10.77.0.11 10.77.0.12 "$@"; }
  release_of() { sha256sum <"$1" | cut -c 1-12; }
  current() { there "$1" 'readlink /opt/resmon/client/current'; }
  there 10.77.0.12 "printf '#!/bin/sh\n[ \"\$*\" != -m ] || exec echo $other\nexec /usr/bin/uname \"\$@\"\n' >/usr/local/bin/uname
    chmod +x /usr/local/bin/uname"
  ln -s "$RESMON_BUILD_DIR"/bin/resmon-{server,load} "$build/bin/"
  cp "$RESMON_BUILD_DIR/bin/resmon-client" "$build/bin/"
  { cat "$build/bin/resmon-client" && printf other; } >"$build/bin/clients/resmon-client-$other"
  chmod +x "$build/bin/clients/resmon-client-$other"
  run mixed --upgrade
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $(current 10.77.0.11) == *"-$(release_of "$build/bin/resmon-client")" ]]
  [[ $(current 10.77.0.12) == *"-$(release_of "$build/bin/clients/resmon-client-$other")" ]]
  printf 2 >>"$build/bin/resmon-client"
  printf 2 >>"$build/bin/clients/resmon-client-$other"
  run mixed --upgrade
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -c 'upgraded from' <<<"$output")" -eq 2 ]
  [[ $(current 10.77.0.11) == *"-$(release_of "$build/bin/resmon-client")" ]]
  [[ $(current 10.77.0.12) == *"-$(release_of "$build/bin/clients/resmon-client-$other")" ]]
  run resmon status --json
  [ "$(jq -r '[.clients[] | select(.up) | .host] | join(" ")' <<<"$output")" = 'host11 host12' ]
  there 10.77.0.12 'rm /usr/local/bin/uname'
  run deploy 10.77.0.11 10.77.0.12 --upgrade
  [ "$status" -eq 0 ]
}

@test "a configuration that was edited there stays" {
  there 10.77.0.11 'echo "# mine" >>/etc/resmon/client.toml'
  run deploy 10.77.0.11 --interval 2s
  [ "$status" -eq 0 ]
  [[ $output == *'was edited there and stays'* ]]
  there 10.77.0.11 'tail -n 1 /etc/resmon/client.toml | grep -qx "# mine"'
  run deploy 10.77.0.11 --overwrite-config
  [ "$status" -eq 0 ]
  there 10.77.0.11 'ls /etc/resmon/client.toml.*.bak'
}

@test "without root and sudo it lives in the home directory" {
  run deploy ops@10.77.0.13
  [ "$status" -eq 0 ]
  there ops@10.77.0.13 'test -x ~/.local/resmon/client/current/resmon-client'
  run resmon restart client --host ops@10.77.0.13
  [ "$status" -eq 0 ]
}

@test "tokens are rotated without a lost sample and without a restart, and the old one is no good any more" {
  old=$(there 10.77.0.11 'cat /etc/resmon/client.token')
  before=$(cat "$RESMON_HOME/run/server.pid" && there 10.77.0.11 'cat /run/resmon/client.pid')
  begin=$(date +%s)
  run deploy 10.77.0.11 10.77.0.12 --rotate-token
  [ "$status" -eq 0 ]
  [ "$old" != "$(there 10.77.0.11 'cat /etc/resmon/client.token')" ]
  refused grep -qF "$old" "$RESMON_HOME/token"
  [ "$before" = "$(cat "$RESMON_HOME/run/server.pid" && there 10.77.0.11 'cat /run/resmon/client.pid')" ]
  deadline=$((SECONDS + 60))
  until [ "$(query "SELECT last(load1) FROM system WHERE host = 'host12' AND time > ${begin}s + 12s" | jq '.results[0].series | length')" = 1 ]; do
    ((SECONDS < deadline))
    sleep 0.5
  done
  # Each second has its sample, save those that the client counts as never taken since it did not get to run; nothing was dropped.
  run query "SELECT skipped_gathers, dropped_samples FROM internal_client WHERE host = 'host12' AND time > ${begin}s"
  jq -e '[.results[0].series[0].values[]] | (.[-1][0] - .[0][0] + 1 - length) == (.[-1][1] - .[0][1]) and .[-1][2] == 0' <<<"$output"
}

@test "status over ssh tells what runs there, and what the server has of it" {
  run resmon status --host 10.77.0.11 --host 10.77.0.12 --json
  [ "$status" -eq 0 ]
  [ "$(jq -c '[.services[] | [.where, .role, .state]]' <<<"$output")" = '[["10.77.0.11","client","up"],["10.77.0.12","client","up"]]' ]
  [ "$(jq -r '[.clients[] | select(.lag_seconds != null) | .host] | join(" ")' <<<"$output")" = 'host11 host12' ]
  run resmon status --host 10.77.0.11
  [[ $output == *'LAST SEEN'*'LAG'*'BACKLOG'*'DROPPED'*host11* ]]
  run resmon status server --host 10.77.0.11
  [ "$status" -eq 1 ]
  [[ $output == *absent* ]]
  RESMON_SSH_TIMEOUT=2 run resmon status --host 10.77.0.99
  [ "$status" -eq 4 ]
}

@test "stop, start and logs work over ssh; a host that is not there hinders no other" {
  run resmon stop client --host 10.77.0.12
  [ "$status" -eq 0 ]
  refused there 10.77.0.12 'test -e /run/resmon/client.pid'
  run resmon start client --host 10.77.0.12
  [ "$status" -eq 0 ]
  run resmon logs 10.77.0.11 10.77.0.12 --stats
  [ "$status" -eq 0 ]
  [[ $output == *'by host'*'10.77.0.11'* ]]
  RESMON_SSH_TIMEOUT=2 run resmon logs 10.77.0.11 10.77.0.99
  [ "$status" -eq 0 ]
  [[ $output == *'from=10.77.0.11'* ]]
  [[ $output == *'10.77.0.99: '* ]]
}

@test "remove takes everything away but data and configuration; purge those too" {
  run deploy 10.77.0.11 10.77.0.12 --remove
  [ "$status" -eq 0 ]
  refused there 10.77.0.11 'test -e /opt/resmon || pgrep -x resmon-client'
  there 10.77.0.11 'test -e /etc/resmon/client.toml'
  token=$(there 10.77.0.12 'cat /etc/resmon/client.token')
  there 10.77.0.12 'cp /etc/resmon/client.toml /etc/resmon/client.toml.20260101T000000Z.bak'
  grep -qF "$token " "$RESMON_HOME/token"
  run deploy 10.77.0.12 --remove --purge
  [ "$status" -eq 0 ]
  # Nobody comes in any more with what it had; the others do.
  refused grep -qF "$token" "$RESMON_HOME/token"
  grep -qF "$(there 10.77.0.11 'cat /etc/resmon/client.token') " "$RESMON_HOME/token"
  refused there 10.77.0.12 'ls /etc/resmon /var/lib/resmon /var/log/resmon'
}

@test "--docker sends image and configuration and starts a container (stand-in docker on both ends)" {
  mkdir -p "$BATS_FILE_TMPDIR/bin"
  cat >"$BATS_FILE_TMPDIR/bin/docker" <<'DOCKER'
#!/bin/sh
[ "$1" != save ] || echo image
DOCKER
  chmod +x "$BATS_FILE_TMPDIR/bin/docker"
  # There, docker run is the client itself with the arguments behind the image.
  in_fleet ssh -F "$RESMON_SSH_CONFIG" 10.77.0.12 'cat >/usr/local/bin/docker; chmod +x /usr/local/bin/docker' <<DOCKER
#!/bin/bash
printf '%s\n' "\$*" >>/tmp/docker.log
if [[ \$1 == load ]]; then cat >/tmp/image; fi
if [[ \$1 == run ]]; then
  setsid "$RESMON_BUILD_DIR/bin/resmon-client" --config /etc/resmon/client.toml </dev/null >/tmp/client.log 2>&1 &
fi
DOCKER
  PATH=$BATS_FILE_TMPDIR/bin:$PATH run deploy 10.77.0.12 --docker
  [ "$status" -eq 0 ]
  [ "$(there 10.77.0.12 'gunzip </tmp/image')" = image ]
  there 10.77.0.12 'grep -q -- "--read-only" /tmp/docker.log'
  there 10.77.0.12 'pkill -x resmon-client'
  token=$(there 10.77.0.12 'cat /etc/resmon/client.token')
  PATH=$BATS_FILE_TMPDIR/bin:$PATH run deploy 10.77.0.12 --docker --remove --purge
  [ "$status" -eq 0 ]
  there 10.77.0.12 'grep -qx -- "rm --force resmon-client" /tmp/docker.log'
  refused there 10.77.0.12 'ls /etc/resmon'
  refused grep -qF "$token" "$RESMON_HOME/token"
  there 10.77.0.12 'rm -f /usr/local/bin/docker'
}

@test "a server is deployed, and clients to it" {
  run resmon deploy server 10.77.0.13 --wait 60
  [ "$status" -eq 0 ]
  run resmon deploy client 10.77.0.11 --interval 1s
  [ "$status" -eq 0 ]
  run resmon monitor --once
  [ "$status" -eq 0 ]
}

@test "several servers in one command show each other's hosts, over TLS that they verify" {
  resmon deploy server 10.77.0.13 --remove --purge
  run resmon deploy server 10.77.0.12 10.77.0.13 --wait 60 --set peers.interval=500ms
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(grep -c 'first administrator' <<<"$output")" -eq 1 ]
  run resmon deploy client 10.77.0.11 --interval 1s --name spread
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(there 10.77.0.11 cat /etc/resmon/client.toml | grep '^servers')" = 'servers = ["10.77.0.12:7411","10.77.0.13:7411"]' ]
  # Both have the same first users, and neither skips the verification.
  [ "$(there 10.77.0.12 cat /var/lib/resmon/server/accounts)" = "$(there 10.77.0.13 cat /var/lib/resmon/server/accounts)" ]
  refused there 10.77.0.13 grep -q ^tls_verify /etc/resmon/server.toml
  hosts_of() {
    in_fleet curl -sS --noproxy '*' --cacert "$RESMON_HOME/tls/ca.crt" -H "Authorization: Bearer $(head -n 1 "$RESMON_HOME/token")" \
      "https://$1:7412/api/v1/hosts?all=1"
  }
  for server in 10.77.0.12 10.77.0.13; do
    for _ in {1..100}; do
      answer=$(hosts_of "$server")
      ! jq -e '.partial == "" and (.peers | length == 1) and any(.hosts[]; .host == "spread" and .state == "up")' <<<"$answer" || continue 2
      sleep 0.2
    done
    echo "$answer"
    false
  done
  # A second time nothing changes, and a token that comes later is on both.
  run resmon deploy server 10.77.0.12 10.77.0.13 --wait 60 --set peers.interval=500ms
  [ "$status" -eq 0 ]
  [[ $output != *certificate* && $output != *administrator* ]]
  run resmon deploy client 10.77.0.11 --rotate-token
  [ "$status" -eq 0 ]
  [ "$(there 10.77.0.12 cat /etc/resmon/server.token)" = "$(there 10.77.0.13 cat /etc/resmon/server.token)" ]
}
