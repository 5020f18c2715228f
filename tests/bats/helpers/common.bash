# A house of its own for each test: a state directory with a space in its name, the stand-ins for the programs or the real ones, two
# free ports.
# shellcheck shell=bash

# setup_house [BUILD_DIRECTORY]: with the real programs of that build instead of the stand-ins.
setup_house() {
  ROOT=$(realpath -- "$BATS_TEST_DIRNAME/../..")
  local variable
  for variable in "${!RESMON_@}" "${!INFLUX_@}" "${!FAKE_@}"; do unset "$variable"; done
  export RESMON_HOME="$BATS_TEST_TMPDIR/ho me" RESMON_BUILD_DIR=${1:-"$BATS_TEST_TMPDIR/bu ild"} RESMON_NO_BUILD=1 RESMON_UP_TIMEOUT=60
  if [[ -z ${1-} ]]; then
    mkdir -p "$RESMON_BUILD_DIR"
    cp -r "$BATS_TEST_DIRNAME/fake" "$RESMON_BUILD_DIR/bin"
  fi
  HTTP_PORT=$(free_port)
  TCP_PORT=$(free_port)
  export ROOT HTTP_PORT TCP_PORT
}

resmon() { "$ROOT/resmon" "$@"; }

# before_path FOLDER COMMAND…: COMMAND with the stand-ins of that folder.
before_path() { PATH=$1:$PATH "${@:2}"; }

# up_here ARG…: up on this test's ports.
up_here() { resmon up --http-port "$HTTP_PORT" --tcp-port "$TCP_PORT" "$@"; }

# teardown_house: whatever a test left is ended by the pid files it wrote, and shown when the test failed.
teardown_house() {
  resmon down >/dev/null 2>&1 || true
  if [[ -n ${BATS_ERROR_STATUS-} && ${BATS_ERROR_STATUS-} != 0 && -d $RESMON_HOME/log ]]; then
    tail -n 20 "$RESMON_HOME"/log/* || true
  fi
}

# free_port: one that nobody listens on now, from below the range that the kernel hands out by itself.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    ss --listening --tcp --numeric --no-header "sport = :$port" | grep -q . || break
  done
  printf '%s' "$port"
}

# wait_until SECONDS COMMAND…: until COMMAND succeeds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || {
      printf 'waited in vain for: %s\n' "$*"
      return 1
    }
    sleep 0.05
  done
}

pid_in() { cut -d ' ' -f 1 "$RESMON_HOME/run/$1.pid"; }

# processes: how many processes of this test's house there are, by their own command lines.
processes() {
  set -- /proc/[0-9]*/cmdline # before there is a grep, which has the name in its own
  { grep -lsaF -- "$RESMON_BUILD_DIR/bin/resmon-" "$@" || true; } | wc -l
}

no_process() { [[ $(processes) == 0 ]]; }

# listen PORT: somebody else on a port; its pid in `listener`, ended by the test with end_listener.
listen() {
  node -e 'require("net").createServer().listen(Number(process.argv[1]), "127.0.0.1")' "$1" 3>&- &
  export LISTENER=$!
  wait_until 60 bash -c "exec 4<>/dev/tcp/127.0.0.1/$1"
}

end_listener() {
  kill "$LISTENER"
  wait "$LISTENER" || true
}
