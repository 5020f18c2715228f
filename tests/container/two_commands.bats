# The first promise: two commands on a clean Debian 12. Slow (a whole build); run by `./resmon test container`.

setup() {
  ((EUID == 0)) || skip "needs root, for debootstrap and a container"
}

clean() { run "$BATS_TEST_DIRNAME/clean.sh" "$@"; }

@test "as root: up shows three hosts with fresh data, again is harmless, down leaves no process" {
  clean bash -euc '
    ./resmon up
    curl --silent --fail http://127.0.0.1:7412/api/v1/hosts >hosts.json
    jq -e "[.hosts[] | select(.up and .last_seen_seconds < 15)] | length == 3" hosts.json
    ./resmon up
    ./resmon status
    ./resmon down
    ! pgrep -a resmon-'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "through sudo: the same" {
  clean --as sudo bash -euc './resmon up --clients 1; ./resmon status --json | jq -e ".clients | length == 2"; ./resmon down'
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "with neither: the exact command to run, and nothing else" {
  clean --as user ./resmon up
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *'apt-get install --no-install-recommends'* ]]
}
