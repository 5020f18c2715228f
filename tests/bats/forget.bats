# ./resmon forget, with a stand-in for the server.

load helpers/common
setup() { setup_house; }
teardown() { teardown_house; }

# A host that is down, by name.
gone() {
  mkdir -p "$RESMON_HOME/fake-hosts"
  jq -n --arg host "$1" '{$host, at: 1000, pid: 4194305}' >"$RESMON_HOME/fake-hosts/gone-${1//[^a-z0-9]/-}"
}

@test "forget takes a host that is down off the list" {
  deleted=$BATS_TEST_TMPDIR/deleted
  FAKE_DELETED=$deleted up_here --clients 0
  gone web3
  run resmon forget web3
  [ "$status" -eq 0 ]
  [[ $output == *'web3 is removed from the list; its data are kept'* ]]
  [ "$(cat "$deleted")" = 'web3?purge=false' ]
  run resmon status --json
  [ "$(jq '[.clients[] | select(.host == "web3")] | length' <<<"$output")" = 0 ]
  run resmon forget web3
  [ "$status" -eq 1 ]
  [[ $output == *'no host has this name'* ]]
}

@test "forget --purge says so to the server, and a name is sent as it is" {
  deleted=$BATS_TEST_TMPDIR/deleted
  FAKE_DELETED=$deleted up_here --clients 0
  gone 'a/b ?c%20'
  run resmon forget 'a/b ?c%20' --purge
  [ "$status" -eq 0 ]
  [[ $output == *'its data are deleted'* ]]
  [ "$(cat "$deleted")" = 'a/b ?c%20?purge=true' ]
}

@test "forget tells why the server refuses" {
  up_here --clients 0
  host=$(resmon status --json | jq -r '[.clients[] | select(.up)][0].host')
  run resmon forget "$host"
  [ "$status" -eq 1 ]
  [[ $output == *'its client is connected'* ]]
}

@test "forget without a host, with two, or without a server" {
  run resmon forget
  [ "$status" -eq 2 ]
  run resmon forget a b
  [ "$status" -eq 2 ]
  run resmon forget a --nonsense
  [ "$status" -eq 2 ]
  run resmon forget a
  [ "$status" -eq 4 ]
  [[ $output == *'no server answers'* ]]
}
