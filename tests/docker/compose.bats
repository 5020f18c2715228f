# The system in containers, from a clean clone, by the command that people type. `./resmon test docker`; needs root.
#
# No image can be pulled here: InfluxDB 2 is replaced by Debian's InfluxDB 1.6 behind the same name, port, volume and user, Grafana and
# InfluxDB's dashboards are left out. All else is compose.yaml as it is.

setup_file() {
  ((EUID == 0)) || skip "needs root, for a Docker engine"
  bats_require_minimum_version 1.5.0
  local program
  for program in docker dockerd docker-compose debootstrap; do
    command -v "$program" >/dev/null || {
      echo "# $program is missing" >&3
      return 1
    }
  done
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/resmon-docker.XXXXXX")
  CLONE=$SCRATCH/resmon
  export ROOT SCRATCH CLONE
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
  [[ ! -e $CLONE/.env ]] || compose --profile host down --volumes --remove-orphans >/dev/null 2>&1 || true
  stop_engine
  rm -rf --one-file-system -- "$SCRATCH"
}

free_port() {
  until python3 -c 'import random, socket; s = socket.socket(); s.bind(("127.0.0.1", random.randrange(15000, 32000))); print(s.getsockname()[1])' 2>/dev/null; do :; done
}

compose() {
  docker-compose --project-directory "$CLONE" --file "$CLONE/compose.yaml" --file "$CLONE/tests/docker/compose.test.yaml" --env-file "$CLONE/.env" "$@"
}

container() { compose ps -q "$1"; }
token() { sed -n 's/^RESMON_TOKEN=//p' "$CLONE/.env"; }

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

@test "without .env compose starts nothing and says what to do" {
  run docker-compose --project-directory "$CLONE" --file "$CLONE/compose.yaml" up
  echo "$output"
  [ "$status" -ne 0 ]
  [[ $output == *'./resmon up --docker'* ]]
  [ -z "$(docker ps --all --quiet --filter label=com.docker.compose.project=resmon)" ]
}

@test "up --docker from a clean clone: everything healthy, secrets for the owner only" {
  printf 'COMPOSE_PROJECT_NAME=resmon-test\nRESMON_HTTP_PORT=%s\nRESMON_TCP_PORT=%s\nINFLUXDB_PORT=%s\n' "$HTTP_PORT" "$TCP_PORT" "$INFLUX_PORT" >"$CLONE/.env"
  SECONDS=0
  run "$CLONE/resmon" up --docker
  echo "$output"
  [ "$status" -eq 0 ]
  echo "# summary: up --docker took $SECONDS s" >&3
  [[ $output == *"http://127.0.0.1:$HTTP_PORT/"* ]]
  [ "$(stat -c %a "$CLONE/.env")" = 600 ]
  [ -z "$(git -C "$CLONE" status --porcelain)" ]
  for service in server influxdb client-1 client-2 client-3; do healthy "$service"; done
}

@test "the images are small, labelled, and run as nobody" {
  base=$(docker image inspect --format '{{.Size}}' "${RESMON_BASE_IMAGE:-debian:bookworm-slim}")
  for name in server client dashboards; do
    read -r size user <<<"$(docker image inspect --format '{{.Size}} {{.Config.User}}' "resmon-$name")"
    echo "# summary: image resmon-$name is $((size / 1000000)) MB, $(((size - base) / 1000)) kB of it not the base's" >&3
    ((size - base < 30000000))
    [ "$user" = 10001:10001 ]
    [ "$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.title"}}' "resmon-$name")" = "resmon-$name" ]
    [ "$(docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "resmon-$name")" = "$(git -C "$CLONE" rev-parse --short HEAD)" ]
  done
  for name in server client; do [ "$(docker image inspect --format '{{len .Config.Healthcheck.Test}}' "resmon-$name")" -gt 1 ]; done
  run -0 docker run --rm --entrypoint resmon-server resmon-server --version
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
    # The token is in no program's environment.
    if [[ $service != influxdb ]]; then run ! docker exec "$id" grep -qz RESMON_TOKEN /proc/1/environ; fi
  done
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
victoria_has() { (($(victoria_times system_load1 | grep -c "^$1"$'\t') > $2)); }

@test "scaled out: two servers share the clients, one takes over all, VictoriaMetrics misses nothing" {
  VICTORIA_PORT=$(free_port)
  export VICTORIA_PORT VICTORIAMETRICS_PORT=$VICTORIA_PORT
  RESMON_BALANCER_PORT=$(free_port)
  export RESMON_BALANCER_PORT
  docker build --quiet --file "$CLONE/tests/docker/scale_out.Dockerfile" --tag resmon-test-scale-out \
    --build-arg BASE_IMAGE="${RESMON_BASE_IMAGE:-debian:bookworm-slim}" --build-arg DEBIAN_MIRROR="$RESMON_DEBIAN_MIRROR" "$CLONE/tests/docker" >/dev/null
  scale up -d --no-build
  wait_until 120 "both servers to have clients" both_serve
  for host in client-1 client-2 client-3; do wait_until 60 "$host in VictoriaMetrics" victoria_has "$host" 2; done
  scale stop server
  wait_until 90 "the second server to have all clients" has_clients server-2 3
  for host in client-1 client-2 client-3; do
    seen=$(victoria_times system_load1 | grep -c "^$host"$'\t')
    wait_until 60 "new samples of $host" victoria_has "$host" "$((seen + 1))"
  done
  victoria_times system_load1 | awk '$1 == host && $2 - last != 5 { print host ": gap of " $2 - last; bad = 1 } { host = $1; last = $2 } END { exit bad || NR < 9 }'
  scale stop
  scale rm -f haproxy server-2 victoria-metrics
}

@test "down keeps the data, down --volumes leaves nothing" {
  run "$CLONE/resmon" down --docker
  echo "$output"
  [ "$status" -eq 0 ]
  [ -z "$(docker ps --all --quiet --filter label=com.docker.compose.project=resmon-test)" ]
  [ -n "$(docker volume ls --quiet --filter label=com.docker.compose.project=resmon-test)" ]
  compose --profile host down --volumes
  docker volume rm resmon-test_server-2-data
  [ -z "$(docker volume ls --quiet --filter label=com.docker.compose.project=resmon-test)" ]
  [ -z "$(docker network ls --quiet --filter label=com.docker.compose.project=resmon-test)" ]
}
