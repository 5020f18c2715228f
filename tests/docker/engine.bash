# A Docker engine to test with, and a base image, where neither is there: dockerd of Debian's docker.io with its data in a folder of
# its own, and a Debian made by debootstrap from the machine's own sources. How this machine reaches its package registries (mirror,
# certificate authorities, npm's registry, proxies) is found out here each time, handed to the build, and written down nowhere.
# shellcheck shell=bash

engine_cache=${RESMON_DOCKER_CACHE:-/var/tmp/resmon-docker}

# start_engine: a daemon that answers, or one of ours; exports DOCKER_HOST when it is ours.
start_engine() {
  if docker info >/dev/null 2>&1; then return 0; fi
  mkdir -p -- "$engine_cache"
  chmod 700 -- "$engine_cache"
  export DOCKER_HOST=unix://$engine_cache/socket
  if docker info >/dev/null 2>&1; then return 0; fi
  local driver deadline
  # The default is overlayfs; on a file system that cannot have it, copies do.
  for driver in '' vfs; do
    rm -f -- "$engine_cache/pid"
    setsid dockerd --data-root "$engine_cache/data" --exec-root "$engine_cache/exec" --pidfile "$engine_cache/pid" --host "$DOCKER_HOST" \
      ${driver:+--storage-driver "$driver"} </dev/null >"$engine_cache/log" 2>&1 3>&- 4>&- &
    deadline=$((SECONDS + 60))
    until docker info >/dev/null 2>&1; do
      if ((SECONDS > deadline)) || ! kill -0 $! 2>/dev/null; then continue 2; fi
      sleep 0.3
    done
    return 0
  done
  tail -n 5 -- "$engine_cache/log" >&2
  return 1
}

# stop_engine: ends the daemon if it is ours. Images stay for the next run.
stop_engine() {
  local pid deadline=$((SECONDS + 40))
  [[ ${DOCKER_HOST-} == "unix://$engine_cache/socket" ]] || return 0
  pid=$(cat -- "$engine_cache/pid" 2>/dev/null) || return 0
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || return 0
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.2; done
}

machine_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(CREATED_BY)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' |
    awk -F '|' '$1 == "Packages" && $2 == "bookworm" && $3 == "main" { print $4; exit }'
}

# describe_machine: exports what compose.yaml takes as build arguments.
describe_machine() {
  RESMON_DEBIAN_MIRROR=$(machine_mirror)
  RESMON_NPM_REGISTRY=$(npm config get registry)
  RESMON_EXTRA_CA=$(cat /usr/local/share/ca-certificates/*.crt 2>/dev/null | base64 -w 0) || true
  export RESMON_DEBIAN_MIRROR RESMON_NPM_REGISTRY RESMON_EXTRA_CA
  if [[ -n ${http_proxy-}${https_proxy-} ]]; then
    mkdir -p -- "$1/docker"
    jq -n --arg http "${http_proxy-}" --arg https "${https_proxy-}" --arg none "${no_proxy-}" \
      '{proxies: {default: {httpProxy: $http, httpsProxy: $https, noProxy: $none}}}' >"$1/docker/config.json"
    export DOCKER_CONFIG=$1/docker
  fi
}

# ensure_base: Debian's own slim image where there is one or it can be had; else one like it, under a name of its own.
ensure_base() {
  local root=$1/base
  ! docker image inspect debian:bookworm-slim >/dev/null 2>&1 || return 0
  export RESMON_BASE_IMAGE=resmon-test-base:bookworm
  ! docker image inspect "$RESMON_BASE_IMAGE" >/dev/null 2>&1 || return 0
  debootstrap --variant=minbase bookworm "$root" "$(machine_mirror)" >"$1/debootstrap.log" 2>&1 || {
    tail -n 20 -- "$1/debootstrap.log" >&2
    return 1
  }
  # What Debian leaves out of its slim images, and that packages are unpacked without a sync for each file.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
  rm -rf -- "$root"/usr/share/{doc,man,info,locale,lintian} "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin \
    "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
  tar -C "$root" --numeric-owner -c . | docker import - "$RESMON_BASE_IMAGE" >/dev/null
  rm -rf --one-file-system -- "$root"
}

# ensure_builder DIRECTORY: what compiles: the base with this machine's ccache in it, so that a test of containers need not be a test of
# the compiler. The compiler is the same package, so it finds what was compiled here. Without a ccache: the base. One that the caller
# names in RESMON_BUILD_IMAGE is kept.
ensure_builder() {
  local cache context=$1/builder
  [[ -z ${RESMON_BUILD_IMAGE-} ]] || return 0
  export RESMON_BUILD_IMAGE=${RESMON_BASE_IMAGE:-debian:bookworm-slim}
  command -v ccache >/dev/null && cache=$(ccache --get-config cache_dir) && [[ -d $cache ]] || return 0
  (($(du -s --block-size=1M -- "$cache" | cut -f 1) < 3000)) || return 0
  mkdir -p -- "$context"
  cp -r -- "$cache" "$context/ccache"
  printf 'base_dir = /src\nhash_dir = false\ncache_dir = /var/cache/ccache\n' >"$context/ccache.conf"
  cat >"$context/Dockerfile" <<'DOCKERFILE'
ARG BASE
FROM ${BASE}
ARG MIRROR
RUN echo "deb $MIRROR bookworm main" >/etc/apt/sources.list && rm -f /etc/apt/sources.list.d/* && apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends ccache >/dev/null && rm -rf /var/lib/apt/lists/*
COPY ccache.conf /etc/ccache.conf
COPY ccache /var/cache/ccache
DOCKERFILE
  docker build --quiet --tag resmon-test-builder --build-arg BASE="$RESMON_BUILD_IMAGE" --build-arg MIRROR="$RESMON_DEBIAN_MIRROR" "$context" >/dev/null || return
  export RESMON_BUILD_IMAGE=resmon-test-builder
  rm -rf -- "$context"
}
