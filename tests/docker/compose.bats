# The system in containers, from a clean clone, by the command that people type. `./resmon test docker`; needs root.
#
# No image can be pulled here: InfluxDB 2 is replaced by Debian's InfluxDB 1.6 behind the same name, port, volume and user, Grafana and
# InfluxDB's dashboards are left out. All else is compose.yaml as it is. Compose is the one that ./resmon takes: v2 where docker has it as
# a plugin, else Debian's docker-compose.

setup_file() {
  ((EUID == 0)) || skip "needs root, for a Docker engine"
  bats_require_minimum_version 1.5.0
  local program
  for program in docker dockerd debootstrap jq; do
    command -v "$program" >/dev/null || {
      echo "# $program is missing" >&3
      return 1
    }
  done
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || {
    echo "# neither 'docker compose' nor docker-compose is there" >&3
    return 1
  }
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/resmon-docker.XXXXXX")
  CLONE=$SCRATCH/resmon
  LOGS=${RESMON_BUILD_DIR:-$ROOT/build}/test-logs
  export ROOT SCRATCH CLONE LOGS
  # shellcheck source=tests/docker/engine.bash
  source "$BATS_TEST_DIRNAME/engine.bash"
  start_engine
  describe_machine "$SCRATCH"
  ensure_base "$SCRATCH"
  ensure_builder "$SCRATCH"
  git clone --quiet "$ROOT" "$CLONE"
  docker build --quiet --file "$CLONE/tests/docker/influxdb.Dockerfile" --tag resmon-test-influxdb \
    --build-arg BASE_IMAGE="${RESMON_BASE_IMAGE:-debian:bookworm-slim}" --build-arg DEBIAN_MIRROR="$RESMON_DEBIAN_MIRROR" "$CLONE/tests/docker" >/dev/null
  # Ports of this test's own, in the place where a person would write them.
  HTTP_PORT=$(free_port) TCP_PORT=$(free_port) INFLUX_PORT=$(free_port)
  export HTTP_PORT TCP_PORT INFLUX_PORT RESMON_COMPOSE_FILES=$CLONE/tests/docker/compose.test.yaml RESMON_UP_TIMEOUT=300
  unset RESMON_HOME RESMON_BUILD_DIR RESMON_ROOT
}

teardown_file() {
  [[ -n ${SCRATCH-} ]] || return 0
  # shellcheck source=tests/docker/engine.bash
  source "$BATS_TEST_DIRNAME/engine.bash"
  [[ ! -e $CLONE/.env ]] || scale --profile host down --volumes --remove-orphans >/dev/null 2>&1 || true
  [[ -z $(docker ps --all --quiet --filter label=com.docker.compose.project=resmon-plain) ]] ||
    COMPOSE_PROJECT_NAME=resmon-plain PLAIN=$CLONE plain down --volumes >/dev/null 2>&1 || true
  stop_engine
  rm -rf --one-file-system -- "$SCRATCH"
}

free_port() {
  until python3 -c 'import random, socket; s = socket.socket(); s.bind(("127.0.0.1", random.randrange(15000, 32000))); print(s.getsockname()[1])' 2>/dev/null; do :; done
}

# The Compose that ./resmon takes. The classic builder is what works without a plugin for it.
compose_program() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0 docker-compose "$@"; fi
}

compose() {
  compose_program --project-directory "$CLONE" --file "$CLONE/compose.yaml" --file "$CLONE/tests/docker/compose.test.yaml" --env-file "$CLONE/.env" "$@"
}

container() { compose ps -q "$1"; }
secret_of() { sed -n "s/^$1=//p" "$CLONE/.env"; }
token() { secret_of RESMON_TOKEN; }

# ask PORT QUERY: the first series' values, a row a line.
ask() {
  curl --silent --fail --max-time 10 --get "http://127.0.0.1:$1/query" -H "Authorization: Token $(token)" --data-urlencode db=resmon \
    --data-urlencode epoch=s --data-urlencode "q=$2" | jq -r '.results[0].series[]? | .values[] | @tsv'
}

# wait_until SECONDS WHAT COMMAND…
wait_until() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then
      echo "waited for $what"
      compose ps
      compose logs --tail 20
      return 1
    fi
    sleep 0.5
  done
}

count_of() {
  local count
  count=$(ask "$1" "SELECT count(load1) FROM system WHERE host = '$2'" | cut -f 2)
  printf '%s' "${count:-0}"
}
has_more() { (($(count_of "$1" "$2") > $3)); }
healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$(container "$1")" 2>/dev/null) == healthy ]]; }

# times PORT HOST: of the host's samples.
times() { ask "$1" "SELECT load1 FROM system WHERE host = '$2'" | cut -f 1; }

# no_gaps PORT HOST: a sample every five seconds from the first to the last.
no_gaps() {
  times "$1" "$2" | awk -v what="$2 on port $1" 'NR > 1 && $1 - last != 5 { print "gap of " $1 - last " s in " what; bad = 1 } { last = $1 } END { exit bad || NR < 3 }'
}

@test "up --docker from a clean clone: everything healthy, secrets for the owner only" {
  printf 'COMPOSE_PROJECT_NAME=resmon-test\nRESMON_HTTP_PORT=%s\nRESMON_TCP_PORT=%s\nINFLUXDB_PORT=%s\n' "$HTTP_PORT" "$TCP_PORT" "$INFLUX_PORT" >"$CLONE/.env"
  SECONDS=0
  run "$CLONE/resmon" up --docker
  echo "$output"
  [ "$status" -eq 0 ]
  echo "# summary: up --docker took $SECONDS s" >&3
  # What docs/docker.md shows.
  mkdir -p "$LOGS"
  printf '$ ./resmon up --docker\n%s\n\n$ docker ps\n%s\n' "$output" \
    "$(docker ps --filter label=com.docker.compose.project=resmon-test --format 'table {{.Names}}\t{{.Status}}\t{{.Ports}}')" >"$LOGS/docker-up.txt"
  [[ $output == *"http://127.0.0.1:$HTTP_PORT/"* && $output == *"http://127.0.0.1:$INFLUX_PORT/"* ]]
  # Of what is left out nothing is said.
  [[ $output != *GRAFANA_PASSWORD\ there* ]]
  [ "$(stat -c %a "$CLONE/.env")" = 600 ]
  [ -z "$(git -C "$CLONE" status --porcelain)" ]
  for service in server influxdb client-1 client-2 client-3; do healthy "$service"; done
}

@test "the images are small, labelled, and run as nobody" {
  base=$(docker image inspect --format '{{.Size}}' "${RESMON_BASE_IMAGE:-debian:bookworm-slim}")
  echo "# summary: the base image is $((base / 1000)) kB" >&3
  for name in server client dashboards; do
    read -r size user <<<"$(docker image inspect --format '{{.Size}} {{.Config.User}}' "resmon-$name")"
    echo "# summary: image resmon-$name is $((size / 1000)) kB, $(((size - base) / 1000)) kB of it not the base's" >&3
    ((size - base < 30000000))
    [ "$user" = 10001:10001 ]
    [ "$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.title"}}' "resmon-$name")" = "resmon-$name" ]
    [ "$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "resmon-$name")" = "$(git -C "$CLONE" rev-parse --short HEAD)" ]
    for label in vendor licenses version description base.name; do
      [ -n "$(docker image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$label\"}}" "resmon-$name")" ]
    done
  done
  for name in server client; do [ "$(docker image inspect --format '{{len .Config.Healthcheck.Test}}' "resmon-$name")" -gt 1 ]; done
  run -0 docker run --rm --entrypoint resmon-server resmon-server --version
  [[ $output == *" $(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' resmon-server)"* ]]
  run ! docker run --rm --entrypoint sh resmon-server -c 'command -v gcc cmake npm curl'
}

@test "containers have no more rights than they need" {
  for service in server influxdb client-1 client-2 client-3; do
    id=$(container "$service")
    run -0 docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.RestartPolicy.Name}} {{index .HostConfig.LogConfig.Config "max-size"}}' "$id"
    [ "$output" = 'true [ALL] unless-stopped 10m' ]
    [ "$(docker inspect --format '{{.HostConfig.Memory}}' "$id")" -gt 0 ]
    [ "$(docker exec "$id" bash -c 'while read -r name value; do [[ $name != CapEff: ]] || echo "$value"; done </proc/1/status')" = 0000000000000000 ]
    [ "$(docker exec "$id" stat -c %u /proc/1)" != 0 ]
    # The token is in no program's environment, nor is another secret in a container's description.
    run ! docker exec "$id" grep -qz RESMON_TOKEN /proc/1/environ
    run -0 docker inspect --format '{{json .Config.Env}}' "$id"
    for secret in INFLUXDB_TOKEN INFLUXDB_PASSWORD GRAFANA_PASSWORD; do [[ $output != *"$(secret_of "$secret")"* ]]; done
  done
  # Each sees the secrets that it needs and no other.
  [ "$(docker exec "$(container influxdb)" cat /secrets/influxdb/token)" = "$(secret_of INFLUXDB_TOKEN)" ]
  [ "$(docker exec "$(container influxdb)" cat /secrets/influxdb/password)" = "$(secret_of INFLUXDB_PASSWORD)" ]
  run -0 docker exec "$(container server)" bash -c 'shopt -s nullglob; echo /secrets/*/*'
  [ "$output" = '/secrets/influxdb/password /secrets/influxdb/token /secrets/resmon/token' ]
  run -0 docker exec "$(container client-1)" bash -c 'shopt -s nullglob; echo /secrets/*/*'
  [ "$output" = /secrets/resmon/token ]
  # Nothing listens but on loopback.
  run docker ps --format "{{.Ports}}" --filter label=com.docker.compose.project=resmon-test
  [[ $output == *127.0.0.1:* && $output != *0.0.0.0:* && $output != *:::* ]]
  # And nobody gets in without the token, not even to read: who comes through a published port is not on this machine.
  [ "$(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$HTTP_PORT/api/v1/hosts")" = 401 ]
}

@test "three clients' data is in the database and in the embedded store" {
  for port in "$HTTP_PORT" "$INFLUX_PORT"; do
    for host in client-1 client-2 client-3; do wait_until 90 "samples of $host on port $port" has_more "$port" "$host" 2; done
    [ -n "$(ask "$port" 'SELECT last(clients) FROM internal_server')" ]
  done
  # Of what Docker mounts into a container, only the data's volume counts as a disk.
  paths=$(ask "$HTTP_PORT" "SHOW TAG VALUES FROM disk WITH KEY = path WHERE host = 'client-1'" | cut -f 2)
  echo "$paths"
  [[ $paths == *var/lib/resmon* && $paths != */secrets* && $paths != */etc* ]]
}

@test "a second up changes nothing" {
  before=$(compose ps -q | sort)
  secrets=$(cat "$CLONE/.env")
  run "$CLONE/resmon" up --docker
  echo "$output"
  [ "$status" -eq 0 ]
  # The one that copies the dashboards has ended and may run again.
  after=$(compose ps -q | sort)
  [ "$before" = "$after" ]
  [ "$secrets" = "$(cat "$CLONE/.env")" ]
}

# plain WORD…: Compose as somebody types it who has no .env.
plain() {
  compose_program --project-directory "$PLAIN" --file "$PLAIN/compose.yaml" \
    --file "$PLAIN/tests/docker/compose.test.yaml" "$@"
}
plain_healthy() {
  [ "$(docker ps --filter label=com.docker.compose.project=resmon-plain --filter health=healthy --format '{{.Names}}' | wc -l)" = 5 ]
}
plain_answer() {
  curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$RESMON_HTTP_PORT/api/v1/hosts" -H "Authorization: Bearer $1"
}
plain_hosts() {
  local count
  count=$(curl --silent --fail "http://127.0.0.1:$RESMON_HTTP_PORT/api/v1/hosts" -H "Authorization: Bearer $1" |
    jq '[.hosts[] | select(.up and .received_samples > 0)] | length')
  [ "$count" = 3 ]
}

@test "without .env docker compose up makes secrets itself, and up --docker takes them over" {
  PLAIN=$SCRATCH/plain
  git clone --quiet "$CLONE" "$PLAIN"
  RESMON_HTTP_PORT=$(free_port) RESMON_TCP_PORT=$(free_port) INFLUXDB_PORT=$(free_port) RESMON_REVISION=$(git -C "$PLAIN" rev-parse --short HEAD)
  export RESMON_HTTP_PORT RESMON_TCP_PORT INFLUXDB_PORT RESMON_REVISION COMPOSE_PROJECT_NAME=resmon-plain
  plain up -d --build
  wait_until 120 "the system without .env to be healthy" plain_healthy
  [ ! -e "$PLAIN/.env" ]
  run -0 plain logs secrets
  [[ $output == *'made at random'*'docker compose run --rm secrets show'* ]]
  shown=$(plain run --rm -T secrets show)
  [ "$(grep -cE '^(RESMON_TOKEN|INFLUXDB_TOKEN|INFLUXDB_PASSWORD|GRAFANA_PASSWORD)=[0-9a-f]{64}.?$' <<<"$shown")" -eq 4 ]
  token=$(sed -n 's/^RESMON_TOKEN=\([0-9a-f]*\).*/\1/p' <<<"$shown")
  [ "$(plain_answer none)" = 401 ]
  [ "$(plain_answer "$token")" = 200 ]
  wait_until 60 "three hosts" plain_hosts "$token"
  # Made anew, all of it: other containers, the same secrets and data.
  first=$(plain ps -q server)
  plain up -d --build --force-recreate
  wait_until 120 "the system to be healthy again" plain_healthy
  [ "$(plain ps -q server)" != "$first" ]
  wait_until 60 "three hosts again" plain_hosts "$token"
  RESMON_COMPOSE_FILES=$PLAIN/tests/docker/compose.test.yaml run -0 "$PLAIN/resmon" up --docker
  [[ $output == *'took over RESMON_TOKEN INFLUXDB_TOKEN INFLUXDB_PASSWORD GRAFANA_PASSWORD'* ]]
  for name in RESMON_TOKEN INFLUXDB_TOKEN INFLUXDB_PASSWORD GRAFANA_PASSWORD; do
    [[ $shown == *"$(sed -n "s/^$name=//p" "$PLAIN/.env")"* ]]
  done
  [ "$(plain_answer "$token")" = 200 ]
  plain down --volumes
  [ -z "$(docker ps --all --quiet --filter label=com.docker.compose.project=resmon-plain)" ]
  [ -z "$(docker volume ls --quiet --filter label=com.docker.compose.project=resmon-plain)" ]
}

# all_there: the clients named go on, and none of their samples is missing in either store.
all_there() {
  local port host seen
  for port in "$HTTP_PORT" "$INFLUX_PORT"; do
    for host in "$@"; do
      seen=$(count_of "$port" "$host")
      wait_until 90 "new samples of $host on port $port" has_more "$port" "$host" "$((seen + 1))"
      wait_until 60 "no gap in $host on port $port" no_gaps "$port" "$host"
    done
  done
}

@test "each container stopped and started again: nothing is lost" {
  for service in influxdb server client-2; do
    compose restart -t 30 "$service"
    wait_until 120 "$service to be healthy" healthy "$service"
  done
  all_there client-1 client-3
}

# kill_process SERVICE: its first process, from outside: Docker sees a crash, and its restart policy must act.
kill_process() {
  local id pid
  id=$(container "$1")
  pid=$(docker inspect --format '{{.State.Pid}}' "$id")
  kill -KILL "$pid"
  wait_until 60 "$1 to be restarted" restarted "$id" "$pid"
  wait_until 120 "$1 to be healthy" healthy "$1"
}
restarted() {
  local now
  now=$(docker inspect --format '{{.State.Pid}}' "$1")
  ((now > 0 && now != $2))
}

@test "each container killed: Docker starts it again, nothing that was sampled is lost" {
  for service in influxdb server client-2; do kill_process "$service"; done
  all_there client-1 client-3
  for port in "$HTTP_PORT" "$INFLUX_PORT"; do times "$port" client-1 >"$SCRATCH/before-$port"; done
  for service in client-1 client-3; do kill_process "$service"; done
  for port in "$HTTP_PORT" "$INFLUX_PORT"; do
    for host in client-1 client-2 client-3; do
      seen=$(count_of "$port" "$host")
      wait_until 90 "new samples of $host on port $port" has_more "$port" "$host" "$((seen + 1))"
    done
    times "$port" client-1 >"$SCRATCH/after"
    run -0 comm -23 "$SCRATCH/before-$port" "$SCRATCH/after"
    [ -z "$output" ]
  done
}

@test "profile host: a client that sees the machine and not its container" {
  compose --profile host up -d --no-build client-host
  wait_until 60 "client-host to be healthy" healthy client-host
  host=$(uname -n)
  wait_until 60 "samples of $host" has_more "$HTTP_PORT" "$host" 1
  # The root file system's size is the machine's, as df has it here.
  ours=$(df --output=size --block-size=1 / | tail -n 1)
  theirs=$(ask "$HTTP_PORT" "SELECT last(total) FROM disk WHERE host = '$host' AND path = '/'" | cut -f 2)
  [ "${ours//[[:space:]]/}" = "$theirs" ]
  # Interfaces too: the bridge that containers hang on is only seen from outside.
  [ -n "$(ask "$HTTP_PORT" "SELECT last(bytes_recv) FROM net WHERE host = '$host' AND interface =~ /^(br-|docker)/")" ]
  [ "$(docker inspect --format '{{.HostConfig.CapAdd}}' "$(docker ps -q --filter label=com.docker.compose.service=client-host)")" != '[ALL]' ]
}

# The clients' times in VictoriaMetrics, sorted: whose value, second.
victoria_times() {
  curl --silent --fail --get "http://127.0.0.1:$VICTORIA_PORT/api/v1/export" --data-urlencode "match[]=$1" |
    jq -r '. as $series | .timestamps[] | [$series.metric.host // $series.metric.server, . / 1000] | @tsv' | sort -u
}
scale() { compose --file "$CLONE/deploy/docker/compose.scale-out.yaml" --file "$CLONE/tests/docker/compose.scale-out.test.yaml" "$@"; }
clients_of() {
  curl --silent --fail --get "http://127.0.0.1:$VICTORIA_PORT/api/v1/export" --data-urlencode "match[]=internal_server_clients{server='$1'}" |
    jq -s -r '[.[] | [.timestamps, .values] | transpose[]] | max_by(.[0])[1] // 0'
}
has_clients() { [ "$(clients_of "$1")" = "$2" ]; }
both_serve() { (($(clients_of server) >= 1 && $(clients_of server-2) >= 1)); }
victoria_no_gaps() {
  victoria_times system_load1 | awk -v since="$1" '
    $2 < since { next }
    $1 == host && $2 - last != 5 { print host ": gap of " $2 - last " before " $2; bad = 1 }
    { host = $1; last = $2; count++ }
    END { exit bad || count < 9 }'
}
victoria_kept() { [ -z "$(comm -23 "$SCRATCH/victoria-before" <(victoria_times system_load1))" ]; }
victoria_has() { (($(victoria_times system_load1 | grep -c "^$1"$'\t') > $2)); }

@test "the variants of scaling out are configurations that Compose accepts" {
  variant() { compose --file "$CLONE/deploy/docker/compose.scale-out.yaml" "$@"; }
  cluster=(--file "$CLONE/deploy/docker/compose.victoria-cluster.yaml")
  logs=(--file "$CLONE/deploy/docker/compose.logs.yaml")
  variant "${cluster[@]}" config | grep -q 'http://victoria-metrics:8428/insert/0/influx'
  [ "$(variant "${logs[@]}" config | grep -c 'http://victoria-logs:9428/insert')" -eq 2 ]
  services=$(variant "${cluster[@]}" "${logs[@]}" --profile loki config --services)
  for service in server server-2 vmstorage-1 vmstorage-2 vmselect victoria-metrics victoria-logs loki; do grep -qx "$service" <<<"$services"; done
}

@test "scaled out: two servers share the clients, one takes over all, VictoriaMetrics misses nothing" {
  VICTORIA_PORT=$(free_port)
  export VICTORIA_PORT VICTORIAMETRICS_PORT=$VICTORIA_PORT
  RESMON_BALANCER_PORT=$(free_port) RESMON_BALANCER_2_PORT=$(free_port)
  export RESMON_BALANCER_PORT RESMON_BALANCER_2_PORT
  docker build --quiet --file "$CLONE/tests/docker/scale_out.Dockerfile" --tag resmon-test-scale-out \
    --build-arg BASE_IMAGE="${RESMON_BASE_IMAGE:-debian:bookworm-slim}" --build-arg DEBIAN_MIRROR="$RESMON_DEBIAN_MIRROR" "$CLONE/tests/docker" >/dev/null
  scale up -d --no-build
  wait_until 120 "both servers to have clients" both_serve
  for host in client-1 client-2 client-3; do wait_until 60 "$host in VictoriaMetrics" victoria_has "$host" 2; done
  # From here on nothing may be missing. Before, the clients were made anew, and what is not there samples nothing.
  since=$(victoria_times system_load1 | cut -f 2 | sort -n | tail -n 1)
  scale stop haproxy
  scale stop server
  wait_until 90 "the second server to have all clients" has_clients server-2 3
  for host in client-1 client-2 client-3; do
    seen=$(victoria_times system_load1 | grep -c "^$host"$'\t')
    wait_until 60 "new samples of $host" victoria_has "$host" "$((seen + 1))"
  done
  # Its data is in a volume: another container goes on with it.
  victoria_times system_load1 >"$SCRATCH/victoria-before"
  scale rm -s -f victoria-metrics
  scale up -d --no-build victoria-metrics
  wait_until 60 "VictoriaMetrics to have what it had" victoria_kept
  seen=$(victoria_times system_load1 | grep -c "^client-1"$'\t')
  wait_until 60 "new samples of client-1" victoria_has client-1 "$((seen + 1))"
  # What the first server had acknowledged and not passed on is in its journal, and comes when it does.
  scale start server
  wait_until 120 "the first server to be healthy" healthy server
  wait_until 60 "no gap in VictoriaMetrics" victoria_no_gaps "$since"
  scale stop
  scale rm -f haproxy haproxy-2 server-2 victoria-metrics victoria-metrics-volume
}

@test "down keeps the data, down --volumes leaves nothing" {
  run "$CLONE/resmon" down --docker
  echo "$output"
  [ "$status" -eq 0 ]
  [ -z "$(docker ps --all --quiet --filter label=com.docker.compose.project=resmon-test)" ]
  [ -n "$(docker volume ls --quiet --filter label=com.docker.compose.project=resmon-test)" ]
  scale --profile host down --volumes
  [ -z "$(docker volume ls --quiet --filter label=com.docker.compose.project=resmon-test)" ]
  [ -z "$(docker network ls --quiet --filter label=com.docker.compose.project=resmon-test)" ]
}
