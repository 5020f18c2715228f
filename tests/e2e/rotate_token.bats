# `./resmon configure rotate-token` on the real programs: server and client go on as the processes they were, no sample is lost, and the
# old token is good for nothing.

load ../bats/helpers/common
setup() {
  setup_house "${RESMON_BUILD_DIR:-$BATS_TEST_DIRNAME/../../build}"
  export RESMON_UP_TIMEOUT=120
}
teardown() { teardown_house; }

query() { curl -sS --noproxy '*' -G "http://127.0.0.1:$HTTP_PORT/query" -d db=resmon -d epoch=s --data-urlencode "q=$1"; }
# write_with TOKEN: the status of a write.
write_with() {
  curl -s -o /dev/null -w '%{http_code}' --noproxy '*' -H @<(printf 'Authorization: Token %s\n' "$1") --data-binary 'probe value=1' \
    "http://127.0.0.1:$HTTP_PORT/write?db=resmon"
}
samples() { query "SELECT load1 FROM system WHERE host = 'here'" | jq "[.results[0].series[0].values[]?[0]] | $1"; }
more_than() { (($(samples length) > $1)); }

@test "rotate-token changes the token of a running house; server and client run on, and no sample is lost" {
  resmon configure --http-address "127.0.0.1:$HTTP_PORT" --tcp-address "127.0.0.1:$TCP_PORT" --interval 1s --host here
  resmon configure enrol elsewhere --any-name
  enrolled=$(<"$RESMON_HOME/enrolled/elsewhere.token")
  up_here --clients 1
  wait_until 60 more_than 2
  old=$(head -n 1 "$RESMON_HOME/token")
  [ "$(write_with "$old")" = 204 ]
  before=$(pid_in server && pid_in client)

  run resmon configure rotate-token
  [ "$status" -eq 0 ]
  new=$(head -n 1 "$RESMON_HOME/token")
  [ "$old" != "$new" ]
  [[ $output != *"$old"* && $output != *"$new"* ]]
  [ "$before" = "$(pid_in server && pid_in client)" ]
  [ "$(stat -c %a "$RESMON_HOME/token")" = 600 ]
  [ "$(write_with "$old")" = 401 ]
  [ "$(write_with "$new")" = 204 ]
  [ "$(write_with "$enrolled")" = 204 ]
  # The simulated clients have come back with the new token, too.
  wait_until 60 bash -c "'$ROOT/resmon' status --json | jq -e '[.clients[] | select(.up)] | length >= 2'"

  # Every second of the run has its sample, save those that the client itself counts as never taken since it did not get to run.
  wait_until 60 more_than "$(($(samples length) + 3))"
  rows=$(query "SELECT skipped_gathers, dropped_samples FROM internal_client WHERE host = 'here'")
  jq -e '[.results[0].series[0].values[]] | (.[-1][0] - .[0][0] + 1 - length) == (.[-1][1] - .[0][1]) and .[-1][2] == 0' <<<"$rows"

  # Again, as one does: from there on as the first time.
  run resmon configure rotate-token
  [ "$status" -eq 0 ]
  [ "$(write_with "$new")" = 401 ]
}

@test "rotate-token without a server that runs changes the file only; without a token it says what to do" {
  run resmon configure rotate-token
  [ "$status" -eq 3 ]
  resmon configure
  resmon configure enrol elsewhere
  before=$(<"$RESMON_HOME/token")
  run resmon configure rotate-token
  [ "$status" -eq 0 ]
  [ "$(head -n 1 "$RESMON_HOME/token")" != "$(head -n 1 <<<"$before")" ]
  [ "$(tail -n +2 "$RESMON_HOME/token")" = "$(tail -n +2 <<<"$before")" ]
}
