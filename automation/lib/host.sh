#!/usr/bin/env bash
# The script that deploy runs on the other machine: host.sh VERB ROLE [ARGUMENT]. It is copied with the release and stays there, so that
# start, stop, status and rollback need nothing but it. Bash 4.4, coreutils, awk and tar are all it wants.
#
# As root everything is where an administrator looks for it; as another user, without sudo, it is below ~/.local/resmon:
#
#   /opt/resmon/ROLE/releases/ID    one folder a release: the program and this script; `current` and `previous` point to them
#   /etc/resmon                     ROLE.toml, token, certificates
#   /var/lib/resmon, /var/log/resmon, /run/resmon
#
# With systemd there is a unit; without, a process with a pid file that survives pid reuse (PID, start time, boot).
# Prints facts as key=value, complaints on standard error; exit codes as everywhere in resmon.
set -euo pipefail
umask 077

verb=${1:?} role=${2:?}
[[ $role == client || $role == server ]] || exit 2
program=resmon-$role
if ((EUID == 0)); then
  base=/opt/resmon/$role etc=/etc/resmon state=/var/lib/resmon log=/var/log/resmon run=/run/resmon
else
  home=$HOME/.local/resmon
  base=$home/$role etc=$home/etc state=$home/state log=$home/log run=$home/run
fi
unit=resmon-$role.service
systemd=
if ((EUID == 0)) && [[ -d /run/systemd/system ]]; then systemd=yes; fi

fail() {
  printf '%s\n' "$1" >&2
  exit "${2:-1}"
}

release_of() { if [[ -L $base/$1 ]]; then basename -- "$(readlink -- "$base/$1")"; fi; }

# The fields of /proc/PID/stat behind the name: state first, the start time is the 20th.
start_time() {
  local stat
  local -a field
  [[ $1 =~ ^[1-9][0-9]*$ ]] || return 1
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -r -a field <<<"${stat##*) }"
  [[ ${field[0]} != [ZX] ]] || return 1
  printf '%s' "${field[19]}"
}

running_pid() {
  local pid start boot
  if [[ -n $systemd ]]; then
    pid=$(systemctl show --property=MainPID --value -- "$unit")
    [[ $pid != 0 ]] || return 1
  else
    read -r pid start boot 2>/dev/null <"$run/$role.pid" || return 1
    [[ $boot == "$(cat /proc/sys/kernel/random/boot_id)" && $(start_time "$pid") == "$start" ]] || return 1
  fi
  printf '%s' "$pid"
}

# For sed -n: the name that a client.toml gives this machine, where it gives one.
readonly client_name='/^host *= *"[^"\\]*"/ { s/^host *= *"\([^"\\]*\)".*$/\1/; p; q }'

do_check() {
  local root=no directory=/opt installed='' name='' sudo_works=no
  if ((EUID == 0)); then
    root=yes
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo_works=yes
  fi
  ((EUID == 0)) || directory=$HOME
  [[ $sudo_works != yes ]] || directory=/opt
  until [[ -d $directory ]]; do directory=$(dirname -- "$directory"); done
  if [[ $sudo_works == yes ]]; then
    # Where install and remove will be root.
    installed=$(sudo -n readlink -- "/opt/resmon/$role/current") || installed=
    installed=${installed##*/}
    name=$(sudo -n sed -n "$client_name" /etc/resmon/client.toml 2>/dev/null) || name=
  else
    installed=$(release_of current)
    name=$(sed -n "$client_name" "$etc/client.toml" 2>/dev/null) || name=
  fi
  printf 'host=%s\nclient=%s\nroot=%s\nsudo=%s\narchitecture=%s\nkernel=%s\n' "$(uname -n)" "$name" "$root" "$sudo_works" "$(uname -m)" "$(uname -r)"
  printf 'glibc=%s\n' "$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }')"
  if [[ -d /run/systemd/system ]]; then printf 'init=systemd\n'; else printf 'init=none\n'; fi
  printf 'disk_mib=%s\n' "$(df -P -m -- "$directory" | awk 'END { print $4 }')"
  printf 'memory_mib=%s\n' "$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)"
  printf 'clock=%s\n' "$(date +%s)"
  printf 'installed=%s\n' "$installed"
}

# Takes everything from the folder this script lies in: the program, ROLE.toml, token and whatever else belongs into etc.
do_install() {
  local release=$1 keep_config=$2 from file changed=no
  from=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
  [[ $release =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || fail "'$release' is no name of a release" 2
  mkdir -p -- "$base/releases" "$etc" "$state" "$log" "$run"
  chmod 755 -- "$base" "$base/releases" 2>/dev/null || true
  "$from/$program" --version >/dev/null 2>&1 </dev/null ||
    fail "the program does not run on this machine: $("$from/$program" --version 2>&1 </dev/null | head -n 1)"
  if [[ ! -d $base/releases/$release ]]; then
    rm -rf -- "$base/releases/$release.new"
    mkdir -m 755 -- "$base/releases/$release.new"
    cp -- "$from/$program" "$from/host.sh" "$base/releases/$release.new/"
    # The clients that a server hands out.
    [[ ! -d $from/clients ]] || cp -R -- "$from/clients" "$base/releases/$release.new/"
    chmod -R u=rwX,go=rX -- "$base/releases/$release.new"
    chmod 755 -- "$base/releases/$release.new/"*
    sync -- "$base/releases/$release.new/$program" 2>/dev/null || true
    mv -- "$base/releases/$release.new" "$base/releases/$release"
    changed=yes
  fi
  # The first users of several servers; they are the server's own from then on.
  if [[ -e $from/accounts && ! -e $state/$role/accounts ]]; then
    mkdir -p -- "$state/$role"
    install -m 600 -- "$from/accounts" "$state/$role/accounts"
  fi
  for file in "$from"/etc/*; do
    if [[ -e $file ]] && put_config "$file" "$keep_config"; then
      # What the program reads again by itself needs no restart.
      if [[ $file == *.token && $changed == no ]]; then changed=token; elif [[ $file != *.token ]]; then changed=yes; fi
    fi
  done
  "$base/releases/$release/$program" --config "$etc/$role.toml" --check-config >/dev/null 2>"$run/check.$$" </dev/null || {
    file=$(<"$run/check.$$")
    rm -f -- "$run/check.$$"
    fail "the configuration has an error: $file" 3
  }
  rm -f -- "$run/check.$$"
  if [[ $(release_of current) != "$release" ]]; then
    [[ -z $(release_of current) ]] || point previous "$(release_of current)"
    point current "$release"
    changed=yes
  fi
  prune
  if [[ -n $systemd ]]; then
    own_files
    if put_unit "$from/$unit"; then changed=yes; fi
  fi
  printf 'changed=%s\n' "$changed"
}

point() {
  ln -sfn -- "releases/$2" "$base/$1.new"
  mv -Tf -- "$base/$1.new" "$base/$1"
}

# All releases but the current and the previous one go.
prune() {
  local directory name
  for directory in "$base"/releases/*/; do
    name=$(basename -- "$directory")
    [[ $name == "$(release_of current)" || $name == "$(release_of previous)" ]] || rm -rf -- "$directory"
  done
}

# put_config FILE KEEP: true when it changed something. A ROLE.toml that was edited here is kept, unless KEEP is no; whatever is
# replaced leaves a copy.
put_config() {
  local name target sum=''
  name=$(basename -- "$1") target=$etc/$(basename -- "$1")
  if [[ -e $target ]] && cmp -s -- "$1" "$target"; then return 1; fi
  if [[ -e $target && $name == "$role.toml" ]]; then
    [[ ! -e $etc/.$name.deployed ]] || sum=$(<"$etc/.$name.deployed")
    if [[ $2 == yes && $sum != "$(sha256sum <"$target")" ]]; then
      printf 'note=%s was edited there and stays\n' "$name"
      return 1
    fi
    cp -p -- "$target" "$target.$(date -u +%Y%m%dT%H%M%SZ).bak"
    # The newest three stay.
    find "$etc" -maxdepth 1 -name "$name.*.bak" -printf '%f\n' | LC_ALL=C sort -r | tail -n +4 |
      while IFS= read -r old; do rm -f -- "$etc/$old"; done
  fi
  cp -- "$1" "$target.new"
  chmod 600 -- "$target.new"
  mv -f -- "$target.new" "$target"
  [[ $name != "$role.toml" ]] || sha256sum <"$target" >"$etc/.$name.deployed"
}

# own_files: sets owners and modes for the unit's own user: it may read its configuration and write its state.
own_files() {
  getent passwd resmon >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir "$state" --shell /usr/sbin/nologin resmon
  chown root:resmon -- "$etc" "$etc"/*
  chmod 750 -- "$etc" /opt/resmon "$base" "$base/releases"
  chmod o+x -- /opt/resmon "$base" "$base/releases"
  chmod 640 -- "$etc"/*.toml "$etc"/*.token
  local file
  for file in "$etc"/*.key "$etc"/*.crt; do
    [[ ! -e $file ]] || chmod 640 -- "$file"
  done
  mkdir -p -- "$state/$role"
  chown -R resmon:resmon -- "$state" "$log"
}

put_unit() {
  [[ -e $1 ]] || return 1
  if cmp -s -- "$1" "/etc/systemd/system/$unit"; then return 1; fi
  install -m 644 -- "$1" "/etc/systemd/system/$unit"
  systemctl daemon-reload
  systemctl enable --quiet -- "$unit"
}

do_start() {
  local pid said logged
  [[ -x $base/current/$program ]] || fail "resmon-$role is not installed here"
  if pid=$(running_pid); then
    printf 'pid=%s\n' "$pid"
    return 0
  fi
  mkdir -p -- "$run" "$log" "$state"
  # The first start's words are there only: an administrator's password is shown once.
  if (($(size "$log/$role.stderr") > 1048576)); then
    mv -f -- "$log/$role.stderr" "$log/$role.stderr.1"
  fi
  said=$(size "$log/$role.stderr") logged=$(size "$log/$role.log")
  if [[ -n $systemd ]]; then
    systemctl start -- "$unit" || fail "$(systemctl status --no-pager --lines 5 -- "$unit" 2>&1 | tail -n 5)"
  else
    (
      cd "$state"
      exec setsid -- "$base/current/$program" --config "$etc/$role.toml"
    ) </dev/null >>"$log/$role.stderr" 2>&1 &
    pid=$!
    printf '%s %s %s\n' "$pid" "$(start_time "$pid" || true)" "$(cat /proc/sys/kernel/random/boot_id)" >"$run/$role.pid"
  fi
  sleep 0.3
  pid=$(running_pid) || fail "it ended at once: $(last_words "$said" "$logged")"
  printf 'pid=%s\n' "$pid"
}

size() { stat -c %s -- "$1" 2>/dev/null || printf 0; }

# last_words SAID LOGGED: the last line since its files had those sizes, so that lines of an earlier run are left out.
last_words() {
  local words
  words=$({
    tail -c "+$(($1 + 1))" -- "$log/$role.stderr" 2>/dev/null | tail -n 3
    tail -c "+$(($2 + 1))" -- "$log/$role.log" 2>/dev/null | tail -n 3
  } | grep -v '^$' | tail -n 1 | cut -c 1-300) || true
  printf '%s' "${words:-it said nothing}"
}

do_stop() {
  local pid start i
  if ! pid=$(running_pid); then return 0; fi
  if [[ -n $systemd ]]; then
    systemctl stop -- "$unit"
    return
  fi
  start=$(start_time "$pid")
  kill -TERM "$pid"
  for ((i = 0; i < 150; i++)); do
    [[ $(start_time "$pid" || true) == "$start" ]] || break
    sleep 0.1
  done
  if [[ $(start_time "$pid" || true) == "$start" ]]; then kill -KILL "$pid"; fi
  rm -f -- "$run/$role.pid"
}

do_status() {
  local pid='' version='' name
  name=$(sed -n "$client_name" "$etc/$role.toml" 2>/dev/null) || name=
  [[ ! -x $base/current/$program ]] || version=$("$base/current/$program" --version | awk '{ print $2; exit }')
  pid=$(running_pid) || pid=
  printf 'host=%s\nclient=%s\nrelease=%s\nprevious=%s\nversion=%s\npid=%s\nunit=%s\n' "$(uname -n)" "${name:-$(uname -n)}" \
    "$(release_of current)" "$(release_of previous)" "$version" "$pid" "${systemd:+$unit}"
  [[ -n $version ]] || fail "resmon-$role is not installed here"
  [[ -n $pid ]] || fail "resmon-$role does not run"
}

do_rollback() {
  local current previous
  current=$(release_of current) previous=$(release_of previous)
  [[ -n $previous && -d $base/releases/$previous ]] || fail "there is no earlier release to go back to"
  point current "$previous"
  point previous "$current"
  do_stop
  do_start
  printf 'release=%s\n' "$previous"
}

# Program and unit go; configuration and data go only when asked for.
do_remove() {
  if [[ -n $systemd && -e /etc/systemd/system/$unit ]]; then
    systemctl disable --quiet --now -- "$unit" || true
    rm -f -- "/etc/systemd/system/$unit"
    systemctl daemon-reload
  fi
  do_stop
  rm -rf -- "$base"
  if [[ ${1-} == purge ]]; then
    # For whoever asked, to take it back at the server.
    if [[ $role == client && -s $etc/client.token ]]; then printf 'token=%s\n' "$(head -n 1 -- "$etc/client.token")"; fi
    rm -rf -- "${etc:?}/$role.toml" "${etc:?}/$role.toml".*.bak "${etc:?}/.$role.toml.deployed" "${state:?}/$role" "${log:?}/$role".*
    if [[ $role == server ]]; then rm -rf -- "$etc/server.crt" "$etc/server.key" "$etc/server.token"; else rm -f -- "$etc/client.token"; fi
    if [[ ! -e $etc/client.toml && ! -e $etc/server.toml ]]; then rm -f -- "$etc/ca.crt"; fi
    rmdir -- "$etc" "$state" "$log" "$run" 2>/dev/null || true
  fi
  rmdir -- "$(dirname -- "$base")" 2>/dev/null || true
}

do_log() { tail -n "${1:-200}" -- "$log/$role.log" "$log/$role.stderr" 2>/dev/null | grep -v '^==> .* <==$\|^$' || true; }

case $verb in
  check | install | start | stop | status | rollback | remove | log) "do_$verb" "${@:3}" ;;
  restart)
    do_stop
    do_start
    ;;
  *) exit 2 ;;
esac
