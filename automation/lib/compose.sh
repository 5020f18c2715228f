# `up --docker` and `down --docker`: the same job in containers. Compose does the work (compose.yaml); here are the secrets that it
# needs, the engine that must run, and what to say afterwards.
#
# .env is written once, with random values, for the owner's eyes only, beside compose.yaml where Compose looks for it. It is never
# changed after that, because InfluxDB and Grafana keep the first passwords they were given; a variable that is missing from an
# older .env is added. `docker compose up` without a .env made its secrets itself and keeps them in volumes (deploy/docker/secrets);
# those are taken over. RESMON_ENV_FILE names another file, for a second system beside the first.
# shellcheck shell=bash

readonly compose_secrets=(RESMON_TOKEN INFLUXDB_TOKEN INFLUXDB_PASSWORD GRAFANA_PASSWORD)

compose_env_file() { printf '%s' "${RESMON_ENV_FILE:-$RESMON_ROOT/.env}"; }

# compose_value NAME DEFAULT: the value that Compose uses: from the environment, else from .env, else the default.
compose_value() {
  local value
  if [[ -n ${!1-} ]]; then
    printf '%s' "${!1}"
  elif value=$(sed -n "s/^$1=//p" "$(compose_env_file)" 2>/dev/null | tail -n 1) && [[ -n $value ]]; then
    printf '%s' "$value"
  else
    printf '%s' "$2"
  fi
}

random_secret() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

# stored_secret NAME: prints the secret that a start without .env generated, if there is one.
stored_secret() {
  local project image
  project=$(compose_value COMPOSE_PROJECT_NAME resmon)
  image=resmon-server:$(compose_value RESMON_TAG latest)
  docker volume inspect "${project}_secrets-resmon" >/dev/null 2>&1 && docker image inspect "$image" >/dev/null 2>&1 || return 0
  docker run --rm --network none --read-only --volume "${project}_secrets-resmon:/secrets/resmon:ro" \
    --volume "${project}_secrets-influxdb:/secrets/influxdb:ro" --volume "${project}_secrets-grafana:/secrets/grafana:ro" \
    --entrypoint /usr/local/lib/resmon/secrets "$image" show 2>/dev/null | sed -n "s/^$1=//p"
}

# ensure_compose_env: .env with every secret, 0600, in one step; says so when it wrote.
ensure_compose_env() {
  local file name value written='' found=''
  file=$(compose_env_file)
  [[ ! -L $file && ! -d $file ]] || die configuration "$file is not a plain file; secrets are not written through it"
  (
    umask 077
    if [[ -e $file ]]; then
      cat -- "$file"
    else
      printf '# Secrets of compose.yaml, made by ./resmon up --docker. deploy/docker/env.example lists what else may be set.\n'
      printf 'COMPOSE_PROJECT_NAME=resmon\n'
    fi >"$file.new"
  ) || die failed "cannot write $file.new"
  [[ -z $(tail -c 1 -- "$file.new") ]] || printf '\n' >>"$file.new"
  for name in "${compose_secrets[@]}"; do
    if ! grep -q "^$name=." "$file.new"; then
      sed -i "/^$name=\$/d" "$file.new"
      value=$(stored_secret "$name")
      if [[ -n $value ]]; then found+=" $name"; else written+=" $name"; fi
      printf '%s=%s\n' "$name" "${value:-$(random_secret 32)}" >>"$file.new"
    fi
  done
  if [[ -n $written$found ]]; then
    mv -f -- "$file.new" "$file"
    [[ -z $written ]] || say "wrote$written to $file"
    [[ -z $found ]] || say "took over$found, made by an earlier start without .env, into $file"
  else
    rm -f -- "$file.new"
  fi
  # A file that others can read is not a place for secrets.
  [[ $(stat -c %a -- "$file") == [46]00 ]] || chmod 0600 -- "$file" || die failed "cannot take others' rights from $file"
}

# find_compose: sets `compose` to Compose v2 or Debian's docker-compose, with the project and the file of secrets.
compose=()
find_compose() {
  local file
  file=$(compose_env_file)
  if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif have docker-compose; then
    compose=(docker-compose)
    # docker-compose 1.29 builds through the docker program, and BuildKit only where that has its plugin.
    docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
  else
    die failed "there is neither 'docker compose' nor docker-compose" "Debian's packages are docker.io and docker-compose: apt-get install docker.io docker-compose"
  fi
  compose+=(--project-directory "$RESMON_ROOT" --file "$RESMON_ROOT/compose.yaml" --env-file "$file")
  local one
  for one in ${RESMON_COMPOSE_FILES-}; do compose+=(--file "$one"); done
}

need_docker() {
  have docker || have docker-compose ||
    die failed "docker is not installed" "Debian's packages are docker.io and docker-compose: apt-get install docker.io docker-compose"
  docker info >/dev/null 2>&1 || die failed "docker does not answer: $(docker info 2>&1 | tail -n 1)" \
    "is its service running? systemctl start docker; may you use it? sudo usermod -aG docker $(id -un)"
}

# run_compose WORD…: Compose with this system's project and secrets, in place of this shell.
run_compose() {
  need_docker
  find_compose
  exec "${compose[@]}" "$@"
}

up_docker() {
  local began=$SECONDS
  [[ -e $RESMON_ROOT/compose.yaml ]] || die failed "there is no compose.yaml in $RESMON_ROOT"
  need_docker
  ensure_compose_env
  find_compose
  RESMON_REVISION=$(git -C "$RESMON_ROOT" rev-parse --short HEAD 2>/dev/null || printf unknown)
  export RESMON_REVISION
  use_extra_ca
  say "building and starting; the first time this takes some minutes"
  "${compose[@]}" up --detach --build --remove-orphans >&2 || {
    say "what the containers say:"
    "${compose[@]}" ps >&2 || true
    die failed "docker compose did not start everything" "its logs: $(compose_words) logs"
  }
  wait_healthy
  report_docker "$((SECONDS - began))"
}

# use_extra_ca: RESMON_EXTRA_CA_FILE, a PEM file, becomes the build argument that .env could also hold.
use_extra_ca() {
  [[ -n ${RESMON_EXTRA_CA_FILE-} ]] || return 0
  grep -q -- '-BEGIN CERTIFICATE-' "$RESMON_EXTRA_CA_FILE" 2>/dev/null ||
    die configuration "RESMON_EXTRA_CA_FILE: $RESMON_EXTRA_CA_FILE is not a PEM certificate that can be read"
  RESMON_EXTRA_CA=$(base64 -w 0 -- "$RESMON_EXTRA_CA_FILE")
  # An argument of a program may have 128 KiB.
  ((${#RESMON_EXTRA_CA} < 120000)) ||
    die configuration "RESMON_EXTRA_CA_FILE: give the one certificate to be added, not a whole bundle"
  export RESMON_EXTRA_CA
}

compose_words() {
  if [[ ${compose[0]} == docker ]]; then printf 'docker compose'; else printf 'docker-compose'; fi
}

# wait_healthy: until every container is healthy, or running where it has no check of its own, or has ended well where it was to end.
wait_healthy() {
  local deadline=$((SECONDS + ${RESMON_UP_TIMEOUT:-300})) states waiting last='' line
  while :; do
    states=$("${compose[@]}" ps -q | xargs -r docker inspect --format \
      '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.HostConfig.RestartPolicy.Name}}')
    waiting=$(awk '!(($2 == "running" && ($3 == "healthy" || $3 == "-")) || ($2 == "exited" && $4 == 0 && $5 == "no"))' <<<"$states")
    [[ -n $waiting ]] || break
    line=$(awk '{ printf "%s%s (%s)", (NR > 1 ? ", " : ""), $1, ($3 == "-" ? $2 : $3) }' <<<"$waiting")
    if grep -qE '^[^ ]+ exited [^ ]+ [1-9][0-9]* no$' <<<"$waiting" || ((SECONDS > deadline)); then
      progress_end
      awk '{ print $1 }' <<<"$waiting" | xargs "${compose[@]}" logs --tail 15 >&2 || true
      die failed "not healthy: $line"
    fi
    [[ $line == "$last" ]] || progress "waiting for $line"
    last=$line
    sleep 0.5
  done
  progress_end
}

report_docker() {
  local host
  host=$(compose_value RESMON_BIND 127.0.0.1)
  [[ $host != 0.0.0.0 ]] || host=127.0.0.1
  printf 'resmon is up in containers after %d s: %s\n' "$1" "$(paint 1 bold "http://$host:$(compose_value RESMON_HTTP_PORT 7412)/")"
  printf '  sign in as          admin; the first start printed the password: %s logs server | grep password\n' "$(compose_words)"
  printf '  token of programs   RESMON_TOKEN in %s\n' "$(compose_env_file)"
  # Whoever leaves these services out is not told of them.
  [[ -z $("${compose[@]}" ps -q grafana 2>/dev/null) ]] ||
    printf '  Grafana             http://%s:%s/  (admin, GRAFANA_PASSWORD there)\n' "$host" "$(compose_value GRAFANA_PORT 3000)"
  [[ -z $("${compose[@]}" ps -q influxdb 2>/dev/null) ]] ||
    printf '  InfluxDB            http://%s:%s/  (%s, INFLUXDB_PASSWORD there)\n' "$host" "$(compose_value INFLUXDB_PORT 8086)" \
      "$(compose_value INFLUXDB_USERNAME admin)"
  printf '  clients connect to  %s:%s\n' "$host" "$(compose_value RESMON_TCP_PORT 7411)"
  printf '  logs                %s logs --follow\n' "$(compose_words)"
  printf '  stop                ./resmon down --docker   (%s down --volumes also forgets all data)\n' "$(compose_words)"
}

down_docker() {
  need_docker
  if [[ ! -s $(compose_env_file) ]]; then
    say "nothing was started with up --docker: $(compose_env_file) does not exist"
    return 0
  fi
  find_compose
  "${compose[@]}" --profile host down --remove-orphans >&2 || die failed "docker compose did not stop everything"
  say "stopped; data, .env and images stay"
}
