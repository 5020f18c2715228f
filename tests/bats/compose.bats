# up --docker and down --docker with a docker that only notes what it is asked: the secrets, and what is said when something lacks.

setup() {
  load helpers/common.bash
  setup_house
  mkdir -p "$BATS_TEST_TMPDIR/path"
  export RESMON_ENV_FILE=$BATS_TEST_TMPDIR/secrets CALLS=$BATS_TEST_TMPDIR/calls
  cat >"$BATS_TEST_TMPDIR/path/docker" <<'DOCKER'
#!/bin/bash
echo "$*" >>"$CALLS"
case $* in
  'volume inspect'*) [[ -n ${STORED-} ]] ;;
  *' show') printf 'RESMON_TOKEN=one that there was\nGRAFANA_PASSWORD=another\n' ;;
  info) [[ -z ${NO_ENGINE-} ]] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; } ;;
  *' up '*) [[ -z ${UP_FAILS-} ]] ;;
esac
DOCKER
  chmod +x "$BATS_TEST_TMPDIR/path/docker"
  PATH=$BATS_TEST_TMPDIR/path:$PATH
}

@test "the first up --docker makes secrets that nobody else can read, the second keeps them" {
  run resmon up --docker
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(stat -c %a "$RESMON_ENV_FILE")" = 600 ]
  for name in RESMON_TOKEN INFLUXDB_TOKEN INFLUXDB_PASSWORD GRAFANA_PASSWORD; do grep -qE "^$name=[0-9a-f]{64}$" "$RESMON_ENV_FILE"; done
  [ "$(grep -oE '[0-9a-f]{64}' "$RESMON_ENV_FILE" | sort -u | wc -l)" -eq 4 ]
  # Said nowhere but in the file.
  token=$(sed -n 's/^RESMON_TOKEN=//p' "$RESMON_ENV_FILE")
  [[ $output != *"$token"* && $(cat "$CALLS") != *"$token"* ]]
  before=$(cat "$RESMON_ENV_FILE")
  run resmon up --docker
  [ "$status" -eq 0 ]
  [ "$(cat "$RESMON_ENV_FILE")" = "$before" ]
  grep -q -- '--env-file '"$RESMON_ENV_FILE"' up --detach --build' "$CALLS"
}

@test "an older .env gets what it lacks and keeps what it has" {
  printf 'GRAFANA_PASSWORD=mine\nINFLUXDB_TOKEN=\nRESMON_BIND=127.0.0.2' >"$RESMON_ENV_FILE"
  chmod 644 "$RESMON_ENV_FILE"
  run resmon up --docker
  [ "$status" -eq 0 ]
  [ "$(stat -c %a "$RESMON_ENV_FILE")" = 600 ]
  grep -qx GRAFANA_PASSWORD=mine "$RESMON_ENV_FILE"
  grep -qx RESMON_BIND=127.0.0.2 "$RESMON_ENV_FILE"
  [ "$(grep -cE '^(INFLUXDB_TOKEN|RESMON_TOKEN)=[0-9a-f]{64}$' "$RESMON_ENV_FILE")" -eq 2 ]
  [[ $output == *http://127.0.0.2:7412/* ]]
}

@test "what a start without .env made for itself is taken over" {
  STORED=1 run resmon up --docker
  echo "$output"
  [ "$status" -eq 0 ]
  grep -qx 'RESMON_TOKEN=one that there was' "$RESMON_ENV_FILE"
  grep -qx 'GRAFANA_PASSWORD=another' "$RESMON_ENV_FILE"
  grep -qE '^INFLUXDB_TOKEN=[0-9a-f]{64}$' "$RESMON_ENV_FILE"
  [[ $output == *'took over RESMON_TOKEN GRAFANA_PASSWORD'* && $output != *'one that there was'* ]]
}

@test "the script of the containers makes each secret once, and .env wins" {
  export RESMON_SECRETS_DIRECTORY=$BATS_TEST_TMPDIR/volumes
  mkdir -p "$RESMON_SECRETS_DIRECTORY"/{resmon,influxdb,grafana}
  run env INFLUXDB_TOKEN=given "$ROOT/deploy/docker/secrets"
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *'.env does not give RESMON_TOKEN INFLUXDB_PASSWORD GRAFANA_PASSWORD;'*'docker compose run --rm secrets show'* ]]
  [ "$(cat "$RESMON_SECRETS_DIRECTORY/influxdb/token")" = given ]
  first=$("$ROOT/deploy/docker/secrets" show)
  [ "$(grep -cE '^(RESMON_TOKEN|INFLUXDB_PASSWORD|GRAFANA_PASSWORD)=[0-9a-f]{64}$' <<<"$first")" -eq 3 ]
  [[ $output != *"$(cat "$RESMON_SECRETS_DIRECTORY/resmon/token")"* ]]
  # Other users than the one who writes must read them: InfluxDB and Grafana have their own.
  [ "$(stat -c %a "$RESMON_SECRETS_DIRECTORY/grafana" "$RESMON_SECRETS_DIRECTORY/grafana/password" | paste -sd ' ')" = '755 444' ]
  run "$ROOT/deploy/docker/secrets"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  [ "$("$ROOT/deploy/docker/secrets" show)" = "$first" ]
  RESMON_TOKEN=another "$ROOT/deploy/docker/secrets"
  [ "$(cat "$RESMON_SECRETS_DIRECTORY/resmon/token")" = another ]
  run "$ROOT/deploy/docker/secrets" forget
  [ "$status" -eq 2 ]
}

@test "secrets are not written through a link" {
  ln -s "$BATS_TEST_TMPDIR/elsewhere" "$RESMON_ENV_FILE"
  run resmon up --docker
  [ "$status" -eq 3 ]
  [ ! -e "$BATS_TEST_TMPDIR/elsewhere" ]
}

@test "no engine, a failing compose, a certificate that is none: said, with the right exit code" {
  NO_ENGINE=1 run resmon up --docker
  [ "$status" -eq 1 ]
  [[ $output == *'docker does not answer'*'systemctl start docker'* ]]
  [ ! -e "$RESMON_ENV_FILE" ]
  UP_FAILS=1 run resmon up --docker
  [ "$status" -eq 1 ]
  [[ $output == *'did not start everything'* ]]
  RESMON_EXTRA_CA_FILE=/etc/hostname run resmon up --docker
  [ "$status" -eq 3 ]
  run resmon up --docker --clients 3
  [ "$status" -eq 2 ]
}

@test "down --docker before any up is harmless; after it, it asks compose" {
  run resmon down --docker
  [ "$status" -eq 0 ]
  [[ $output == *'nothing was started'* ]]
  resmon up --docker
  run resmon down --docker
  [ "$status" -eq 0 ]
  grep -q ' --profile host down ' "$CALLS"
}
