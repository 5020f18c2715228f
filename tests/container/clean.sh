#!/usr/bin/env bash
# Proves the two commands where nothing is prepared: a clean Debian 12, a clone of what is committed here, a command in it.
#
# The base is debootstrap's minbase and git, made once from the machine's own apt sources and kept outside the repository. How this
# machine reaches its package registries (apt's Acquire settings, proxies, a certificate authority of its own, npm's settings) is
# read when it runs and handed in; nothing of it is written down here. The container is Docker's where a daemon runs or can be
# started (a private one, with its data beside the base), which gives it a network of its own. Elsewhere it is a chroot with its
# own process, mount, host-name and IPC namespaces; it then shares the machine's network, and with it the ports.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: tests/container/clean.sh [OPTION]… COMMAND [ARGUMENT]…

Runs COMMAND in a clone of this repository's HEAD in a clean Debian 12 and returns its exit code.

Options:
  --with FILE          hand it in, as /machine/files/NAME; may be repeated
  --as root|sudo|user  who runs it: root (default), a user who may use sudo, or a user who may not
  --keep               keep the container or the root directory afterwards, and say where
  --chroot             do not use Docker
  --rebuild            make the base anew
  -h, --help           this text

Environment:
  RESMON_CLEAN_CACHE   where the base and Docker's data are kept; default /var/tmp/resmon-clean

Examples:
  tests/container/clean.sh bash -c 'cat /etc/os-release'
  tests/container/clean.sh bash -c './resmon up && curl -s http://127.0.0.1:7412/api/v1/hosts && ./resmon down'
  tests/container/clean.sh --as sudo ./resmon up
  tests/container/clean.sh ./resmon test
TEXT
}

say() { printf 'clean: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

root=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
cache=${RESMON_CLEAN_CACHE:-/var/tmp/resmon-clean}
base=$cache/bookworm.tar
readonly image=resmon-clean:base

main() {
  local keep='' user=root rebuild='' want_chroot='' status=0 began=$SECONDS
  local -a files=()
  while (($#)); do
    case $1 in
      --keep) keep=yes ;;
      --rebuild) rebuild=yes ;;
      --chroot) want_chroot=yes ;;
      --with)
        [[ -r ${2-} ]] || die "--with takes a file that can be read"
        files+=("$2")
        shift
        ;;
      --as)
        [[ ${2-} =~ ^(root|sudo|user)$ ]] || die "--as takes root, sudo or user"
        user=$2
        shift
        ;;
      -h | --help)
        usage
        return 0
        ;;
      --)
        shift
        break
        ;;
      -*) die "unknown option $1" ;;
      *) break ;;
    esac
    shift
  done
  (($#)) || {
    usage >&2
    return 2
  }
  ((EUID == 0)) || die "needs root: for debootstrap, and for docker or chroot"
  mkdir -p -- "$cache"
  chmod 700 -- "$cache"
  work=$(mktemp -d "$cache/run.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  make_base "$rebuild"
  describe_machine "$user"
  mkdir -m 755 -- "$work/machine/files"
  ((${#files[@]} == 0)) || install -m 644 -t "$work/machine/files" -- "${files[@]}"
  say "Debian 12 ready after $((SECONDS - began)) s"
  began=$SECONDS
  if [[ -z $want_chroot ]] && find_docker; then
    in_docker "$keep" "$@" || status=$?
  else
    in_chroot "$keep" "$@" || status=$?
  fi
  say "the command ended with $status after $((SECONDS - began)) s"
  return "$status"
}

cleanup() {
  trap '' INT TERM
  [[ -z ${container-} ]] || docker rm --force "$container" >/dev/null 2>&1 || true
  if [[ -n ${docker_lock-} ]] && flock --exclusive --nonblock "$docker_lock"; then stop_docker; fi
  rm -rf --one-file-system -- "$work"
}

# mirror: the first package source for bookworm's main component in the machine's apt configuration.
mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(CREATED_BY)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' 2>/dev/null |
    awk -F '|' '$1 == "Packages" && $2 == "bookworm" && $3 == "main" { print $4; exit }'
}

make_base() {
  local from include=git lock
  exec {lock}>"$cache/base.lock"
  flock "$lock"
  if [[ -s $base && -z $1 ]]; then
    exec {lock}>&-
    return 0
  fi
  command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
  from=$(mirror)
  [[ $from == http* || $from == file:* ]] || die "the machine's apt sources name no plain bookworm mirror"
  [[ $from != https* ]] || include+=,ca-certificates
  say "making the base with debootstrap"
  debootstrap --variant=minbase --include="$include" bookworm "$work/base" "$from" >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log" >&2
    die "debootstrap failed"
  }
  rm -rf -- "$work/base/var/cache/apt/archives"/*.deb "$work/base/var/lib/apt/lists"/*
  tar -C "$work/base" --numeric-owner -cf "$base.new" .
  mv -f -- "$base.new" "$base"
  rm -rf --one-file-system -- "$work/base"
  exec {lock}>&-
}

# describe_machine USER: what the container must know of the machine, in $work/machine: apt's sources and Acquire settings, the
# certificate bundle, npm's settings, the names of the variables to hand in; and the script that uses it.
describe_machine() {
  local machine=$work/machine bundle name
  mkdir -p -- "$machine/apt/sources.list.d"
  cp -- /etc/apt/sources.list "$machine/apt/" 2>/dev/null || : >"$machine/apt/sources.list"
  cp -- /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources "$machine/apt/sources.list.d/" 2>/dev/null || true
  apt-config dump Acquire | grep -vE '^Acquire::(IndexTargets|Languages|CompressionTypes|Changelogs|cdrom)' >"$machine/apt/acquire.conf"
  [[ ! -r $HOME/.npmrc ]] || install -m 600 -- "$HOME/.npmrc" "$machine/npmrc"

  : >"$machine/environment"
  bundle=${SSL_CERT_FILE:-${NODE_EXTRA_CA_CERTS:-}}
  if [[ -n $bundle && -r $bundle ]]; then
    cp -- "$bundle" "$machine/ca.crt"
    for name in SSL_CERT_FILE NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE GIT_SSL_CAINFO REQUESTS_CA_BUNDLE npm_config_cafile; do
      [[ -z ${!name-} ]] || printf '%s=/machine/ca.crt\n' "$name" >>"$machine/environment"
    done
  fi
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY "${!npm_config_@}" "${!NPM_CONFIG_@}"; do
    [[ -n ${!name-} && ${name,,} != npm_config_cafile && ${name,,} != npm_config_userconfig && ${name,,} != npm_config_cache ]] || continue
    printf '%s=%s\n' "$name" "${!name}" >>"$machine/environment"
  done
  chmod -R go-w -- "$machine"
  chmod 600 -- "$machine/environment"
  printf '%s\n' "$1" >"$machine/user"
  enter_script >"$machine/enter"
}

# enter_script: runs first inside, as root: settles in, clones, and becomes the user.
enter_script() {
  cat <<'INSIDE'
#!/bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
user=$(cat /machine/user)
cp /machine/apt/sources.list /etc/apt/sources.list
cp -r /machine/apt/sources.list.d /etc/apt/
cp /machine/apt/acquire.conf /etc/apt/apt.conf.d/99machine
# As Debian's own container images have it: no fsync for each file unpacked.
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/speed
set -a
while IFS= read -r line; do export "${line?}"; done </machine/environment
set +a
account=root home=/root
if [ "$user" != root ]; then
  account=tester home=/home/tester
  useradd --create-home --shell /bin/bash tester
  if [ "$user" = sudo ]; then
    apt-get -qq update >/dev/null && apt-get -qq -y install --no-install-recommends sudo >/dev/null
    rm -rf /var/lib/apt/lists/*_Packages*
    printf 'tester ALL=(ALL) NOPASSWD: ALL\nDefaults env_keep += "http_proxy https_proxy no_proxy SSL_CERT_FILE"\n' >/etc/sudoers.d/tester
  fi
fi
[ ! -e /machine/npmrc ] || install -m 600 -o "$account" -g "$account" /machine/npmrc "$home/.npmrc"
become() { if [ "$account" = root ]; then "$@"; else setpriv --reuid=tester --regid=tester --init-groups env HOME="$home" USER=tester "$@"; fi; }
export HOME=$home
cd "$home"
become git config --global --add safe.directory '*'
become git clone --quiet /source "$home/resmon"
cd "$home/resmon"
become "$@"
INSIDE
}

# find_docker: a daemon that answers, or one that we start; in the way of neither.
find_docker() {
  command -v docker >/dev/null || return 1
  if docker info >/dev/null 2>&1; then return 0; fi
  command -v dockerd >/dev/null || return 1
  local data=$cache/docker starting deadline
  mkdir -p -- "$data"
  export DOCKER_HOST=unix://$data/socket
  exec {starting}>"$cache/docker-start.lock"
  flock "$starting"
  # Every run holds this lock shared; the last one to leave gets it alone and stops the daemon.
  exec {docker_lock}>"$cache/docker.lock"
  flock --shared "$docker_lock"
  if ! docker info >/dev/null 2>&1; then
    rm -f -- "$data/pid"
    setsid dockerd --data-root "$data/data" --exec-root "$data/exec" --pidfile "$data/pid" --host "$DOCKER_HOST" \
      </dev/null >"$data/log" 2>&1 {docker_lock}>&- {starting}>&- &
    deadline=$((SECONDS + 30))
    until docker info >/dev/null 2>&1; do
      if ((SECONDS > deadline)) || ! kill -0 $! 2>/dev/null; then
        say "dockerd does not start here ($(tail -n 1 "$data/log" | cut -c 1-200)); using a chroot"
        exec {starting}>&-
        unset DOCKER_HOST
        return 1
      fi
      sleep 0.3
    done
  fi
  exec {starting}>&-
}

stop_docker() {
  local pid name deadline=$((SECONDS + 20))
  pid=$(cat "$cache/docker/pid" 2>/dev/null) || return 0
  name=$(cat "/proc/$pid/comm" 2>/dev/null) || return 0
  [[ $name == dockerd ]] || return 0
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.2; done
}

in_docker() {
  local keep=$1 status=0
  local -a terminal=()
  shift
  if [[ $(docker image inspect --format '{{.Created}}' "$image" 2>/dev/null || true) == '' ||
  $(cat "$cache/imported" 2>/dev/null) != "$(stat -c %Y "$base")" ]]; then
    docker import - "$image" <"$base" >/dev/null
    stat -c %Y "$base" >"$cache/imported"
  fi
  [[ ! -t 0 || ! -t 1 ]] || terminal=(--tty --interactive)
  container=resmon-clean-${work##*.}
  say "container $container"
  # In the background and waited for, so that a signal is handled at once and ends the container.
  docker run --name "$container" --init "${terminal[@]}" --hostname clean --shm-size 1g \
    --volume "$root:/source:ro" --volume "$work/machine:/machine:ro" "$image" bash /machine/enter "$@" <&0 &
  wait $! || status=$?
  if [[ -n $keep ]]; then
    docker commit "$container" "$container:kept" >/dev/null
    say "kept as image $container:kept; DOCKER_HOST=${DOCKER_HOST-} docker run -it $container:kept bash"
    # The image lives in our daemon: it must outlive this run.
    docker_lock=
  fi
  return "$status"
}

in_chroot() {
  local keep=$1 status=0 target=$work/root
  shift
  [[ -z $keep ]] || target=$(mktemp -d "$cache/kept.XXXXXX")
  mkdir -p -- "$target"
  tar -C "$target" --numeric-owner -xf "$base"
  mkdir -p -- "$target/source" "$target/machine"
  say "chroot in $target, on the machine's own network"
  # shellcheck disable=SC2016 # for the inner shell, whose variables these are
  TARGET=$target SOURCE=$root MACHINE=$work/machine unshare --mount --pid --uts --ipc --fork --kill-child bash -euc '
    hostname clean
    mount --make-rprivate /
    mount -t proc proc "$TARGET/proc"
    mount --rbind /sys "$TARGET/sys"
    mount -t tmpfs tmpfs "$TARGET/dev"
    mkdir "$TARGET/dev/pts" "$TARGET/dev/shm"
    mount -t devpts devpts "$TARGET/dev/pts" -o newinstance,ptmxmode=0666,mode=0620
    mount -t tmpfs tmpfs "$TARGET/dev/shm"
    for node in null zero full random urandom tty; do
      : >"$TARGET/dev/$node"
      mount --bind "/dev/$node" "$TARGET/dev/$node"
    done
    ln -s pts/ptmx "$TARGET/dev/ptmx"
    ln -s /proc/self/fd "$TARGET/dev/fd"
    for k in 0 1 2; do ln -s "/proc/self/fd/$k" "$TARGET/dev/$(echo stdin stdout stderr | cut -d " " -f $((k + 1)))"; done
    mount --bind "$SOURCE" "$TARGET/source"
    mount --bind "$MACHINE" "$TARGET/machine"
    cp --remove-destination /etc/resolv.conf "$TARGET/etc/resolv.conf"
    printf "127.0.0.1 localhost clean\n" >"$TARGET/etc/hosts"
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
      chroot "$TARGET" bash /machine/enter "$@"' clean "$@" || status=$?
  [[ -z $keep ]] || say "kept in $target"
  return "$status"
}

main "$@"
