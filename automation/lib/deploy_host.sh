# deploy: what is done for one host, in a process of its own: check, copy, start, wait for its data, go back. Its functions use
# what automation/deploy.sh has set: role, action, hosts, work and the like.
# shellcheck shell=bash
use deploy_ends enrol programs remote

# What it sets.
action='' binary='' keep='' patience='' role='' version='' work='' hosts=() names=()

note_stage() { printf '%s\n' "$2" >"$work/$1/stage"; }

# result INDEX STATE TEXT
result() {
  printf '%s\t%s\n' "$2" "$(printable "${3//$'\t'/ }")" >"$work/$1/result"
  note_stage "$1" "$2"
}

# run_there INDEX VERB ARGUMENT…: the host's answer in `answer`; a failure becomes the result.
run_there() {
  local i=$1 status=0
  shift
  answer=$("$@" 2>"$work/$i/error") || status=$?
  ((status != 0)) || return 0
  result "$i" failed "$(why "$work/$i/error" "$status")"
  return 1
}

why() {
  local text
  text=$(tr -d '\r' <"$1" | grep -v '^$' | tail -n 1 | cut -c 1-300) || text=
  if [[ $2 == 255 ]]; then text="ssh: ${text#ssh: }"; fi
  [[ $text != 'ssh: ' ]] || text='ssh: no connection'
  printf '%s' "${text:-failed with exit code $2}"
}

# check_host INDEX: leaves the host's facts and its client's name in files, or the reason why nothing can be done there as the result.
check_host() {
  local i=$1 host=${hosts[$1]} client=${names[$1]} answer reason=''
  note_stage "$i" checking
  run_there "$i" check_there "$host" || return 0
  client=${client:-$(fact client "$answer")}
  client=${client:-$(fact host "$answer")}
  if [[ $action == install || $action == upgrade ]]; then reason=$(unfit "$answer"); fi
  if [[ -z $reason && $role == client ]] && ! is_client_name "$client"; then
    reason="'$client' is not a client's name; --name gives it another"
  fi
  printf '%s\n' "$client" >"$work/$i/client"
  if [[ -n $reason ]]; then
    result "$i" failed "$reason"
    return
  fi
  printf '%s\n' "$answer" >"$work/$i/facts"
  note_stage "$i" waiting
}

# choose_program FACTS: sets `program`, and `release`: version and content, so the same program is the same release wherever it is built.
choose_program() {
  program=$(program_for "$(fact architecture "$1")") || program=$binary
  release=$version-$(sha256sum <"$program" | cut -c 1-12)
}

one_host() {
  local i=$1 host=${hosts[$1]} client answer facts
  # A check that was ended before it could say anything.
  [[ -s $work/$i/facts ]] || return 0
  # shellcheck disable=SC2034 # server_get's
  [[ $role != server ]] || server_url=$(url_of_server "$i")
  client=$(<"$work/$i/client") facts=$(<"$work/$i/facts")
  case $action in
    remove | rollback)
      if [[ -n $dry ]]; then
        result "$i" ok "would $action; installed: $(fact installed "$facts")"
        return
      fi
      note_stage "$i" "$action"
      local since
      since=$(server_now)
      if [[ $action == remove ]]; then
        # By the script sent along: what is there may be half gone already.
        if [[ -n $docker ]]; then run_there "$i" remove_container "$host" || return 0; fi
        if [[ -z $docker || -n $purge ]]; then run_there "$i" remove_there "$host" || return 0; fi
        (umask 077 && fact token "$answer" | awk '{ print $1 }' >"$work/$i/token")
      else
        run_there "$i" host_verb "$host" "$role" rollback || return 0
      fi
      if [[ $action == remove ]]; then
        result "$i" ok "removed${purge:+, with configuration and data}"
      else
        # answer holds the release that runs now.
        facts=$(fact release "$answer")
        await "$i" "$client" "$since" || return 0
        result "$i" ok "back to $facts"
      fi
      ;;
    *) install_there "$i" "$host" "$client" "$facts" ;;
  esac
}

check_there() { on_host "$1" "bash -s -- check $role" <"$RESMON_ROOT/automation/lib/host.sh"; }

remove_there() {
  # shellcheck disable=SC2016 # expanded there
  on_host "$1" 'run() { "$@"; }
    if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then run() { sudo -n "$@"; }; fi
    run bash -s -- remove '"$role $purge" <"$RESMON_ROOT/automation/lib/host.sh"
}

# unfit FACTS: prints why this program cannot run there; nothing when it can.
unfit() {
  local skew there wanted
  there=$(fact architecture "$1")
  if ! program_for "$there" >/dev/null; then
    if [[ $role == client && -z $given ]]; then
      printf "its architecture is %s, and there is no client for it here: './resmon release' builds them" "$there"
    else
      printf 'its architecture is %s, the program is for %s' "$there" "$(architecture_of "$binary")"
    fi
  fi
  # The server is the only program with a shared C library.
  wanted=$(needed_glibc "$binary")
  if [[ $role == server && -n $wanted ]]; then
    there=$(fact glibc "$1")
    if [[ -z $there ]]; then
      printf 'no GNU C library there'
    elif [[ $(printf '%s\n%s\n' "$wanted" "$there" | sort -V | head -n 1) != "$wanted" ]]; then
      printf 'its C library is %s, the program needs %s' "$there" "$wanted"
    fi
  fi
  (($(number_fact disk_mib "$1") >= 64)) || printf 'only %s MiB of disk are free there, 64 are needed' "$(number_fact disk_mib "$1")"
  skew=$(($(number_fact clock "$1") - $(date +%s)))
  ((skew > -60 && skew < 60)) || printf 'its clock is %d s off; set it (systemd-timesyncd, chrony)' "$skew"
}

needed_glibc() {
  local found
  found=$(grep -aoE 'GLIBC_2\.[0-9]+' -- "$1" | sed 's/GLIBC_//' | sort -uV | tail -n 1) || found=
  printf '%s' "$found"
}

install_there() {
  local i=$1 host=$2 client=$3 facts=$4 answer installed since note moment=last_seen program
  choose_program "$facts"
  installed=$(fact installed "$facts")
  if [[ -n $installed && $installed != "$release" && $action == install ]]; then
    result "$i" failed "has release $installed; --upgrade changes it to $release"
    return
  fi
  if [[ -n $dry ]]; then
    note="would install $release"
    [[ -z $installed ]] || note="would upgrade $installed to $release"
    [[ $installed != "$release" ]] || note="would keep $release"
    result "$i" ok "$note as $client ($(fact init "$facts"), $(fact disk_mib "$facts") MiB free)"
    return
  fi
  note_stage "$i" copying
  payload "$i" "$client" || return 0
  if [[ -n $docker ]]; then
    install_container "$i" "$host" "$client"
    return
  fi
  since=$(server_now)
  run_there "$i" send_there "$i" "$host" || return 0
  note=$(fact note "$answer")
  note_stage "$i" starting
  case $(fact changed "$answer") in
    yes)
      since=$(server_now)
      run_there "$i" host_verb "$host" "$role" restart || {
        go_back "$i" "$host" "$installed"
        return 0
      }
      ;;
    token)
      # A running program reads its token file again by itself.
      moment=connected_since
      run_there "$i" host_verb "$host" "$role" start || return 0
      ;;
    *)
      since=$(server_now)
      run_there "$i" host_verb "$host" "$role" start || return 0
      ;;
  esac
  note_stage "$i" 'waiting for data'
  await "$i" "$client" "$since" "$moment" || {
    go_back "$i" "$host" "$installed"
    return 0
  }
  keep_server
  if [[ -n $installed && $installed != "$release" ]]; then
    result "$i" ok "upgraded from $installed to $release${note:+; $note}"
  else
    result "$i" ok "$release${note:+; $note}"
  fi
}

# install_container INDEX HOST NAME: the image as a stream, then one container that sees the host: its processes and network as they
# are, its file systems below /host, nothing writable but the spool.
install_container() {
  local i=$1 host=$2 client=$3 image=resmon-client:latest since answer
  have docker || {
    result "$i" failed "docker is not installed here: it makes the image"
    return
  }
  docker image inspect "$image" >/dev/null 2>&1 || {
    result "$i" failed "there is no image $image here: docker compose build makes it"
    return
  }
  run_there "$i" send_image "$host" "$image" || return 0
  note_stage "$i" starting
  since=$(server_now)
  run_there "$i" start_container "$i" "$host" "$image" || return 0
  note_stage "$i" 'waiting for data'
  await "$i" "$client" "$since" || return 0
  result "$i" ok "in a container of $image"
}

send_image() {
  docker save "$2" | gzip -1 | on_host "$1" 'command -v docker >/dev/null || { echo "docker is not there" >&2; exit 1; }
    if docker info >/dev/null 2>&1; then exec docker load; else exec sudo -n docker load; fi'
}

start_container() {
  # shellcheck disable=SC2016 # expanded there
  tar -C "$work/$1/payload/etc" -cf - . | on_host "$2" 'set -e; umask 077
    run() { "$@"; }
    [ "$(id -u)" = 0 ] || run() { sudo -n "$@"; }
    run mkdir -p /etc/resmon /var/lib/resmon/client
    run tar -C /etc/resmon --no-same-owner -xf -
    run docker rm --force resmon-client >/dev/null 2>&1 || true
    run docker run --detach --name resmon-client --restart unless-stopped --pid host --network host --user 0 --read-only \
      --cap-drop ALL --security-opt no-new-privileges --volume /:/host:ro --volume /etc/resmon:/etc/resmon:ro \
      --volume /var/lib/resmon/client:/var/lib/resmon/client --entrypoint resmon-client '"$3"' --config /etc/resmon/client.toml'
}

remove_container() {
  # shellcheck disable=SC2016 # expanded there
  on_host "$1" 'run() { "$@"; }
    [ "$(id -u)" = 0 ] || run() { sudo -n "$@"; }
    run docker rm --force resmon-client' </dev/null
}

# go_back INDEX HOST INSTALLED: returns the host to its previous release after an upgrade that failed.
go_back() {
  local said
  [[ $action == upgrade && -n $3 && $3 != "$release" ]] || return 0
  said=$(cut -f 2 "$work/$1/result")
  note_stage "$1" 'going back'
  if host_verb "$2" "$role" rollback >/dev/null 2>&1; then
    result "$1" failed "$said; went back to $3"
  else
    result "$1" failed "$said; and could not go back to $3"
  fi
}

# send_there INDEX HOST: the payload as one stream; secrets are in it, never on a command line.
send_there() {
  # shellcheck disable=SC2016 # expanded there
  tar -C "$work/$1/payload" -cf - . | on_host "$2" 'set -e; umask 077
    run() { "$@"; }
    if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then run() { sudo -n "$@"; }; fi
    staging=$(mktemp -d "${TMPDIR:-/tmp}/resmon.XXXXXX")
    trap "rm -rf -- \"\$staging\"" EXIT
    tar -C "$staging" --no-same-owner -xf -
    run bash "$staging/host.sh" install '"$role $release $keep"
}

# await INDEX NAME SINCE [MOMENT]: until the server has data of that client that is newer than SINCE (the server's clock, ms), or, with
# connected_since, until the client has connected since, and the client itself says that it is connected: another machine may have the
# same name. Of a server, until it is ready.
await() {
  local i=$1 client=$2 since=$3 moment=${4:-last_seen} deadline=$((SECONDS + patience)) words missing
  while ((SECONDS < deadline)); do
    if [[ $role == server ]]; then
      server_get /readyz >/dev/null 2>&1 && return 0
    elif server_get '/api/v1/hosts?all=1' 2>/dev/null | jq -e --arg host "$client" --argjson since "$since" --arg moment "$moment" \
      'any(.hosts[]; .host == $host and .up and .[$moment] > $since and .received_samples > 0)' >/dev/null 2>&1 &&
      is_connected_there "$i"; then
      return 0
    fi
    sleep 0.5
  done
  words=$(log_there "$i" 20 | grep -E ' (WARN|ERROR) |rror' | tail -n 1 | cut -c 1-240) || words=
  if [[ $role == server ]]; then missing='is not ready'; else missing='no data came'; fi
  result "$i" failed "started, but $missing within $patience s${words:+: $words}"
  return 1
}

# log_there INDEX LINES: the newest log lines of the program on that host.
log_there() {
  if [[ -n $docker ]]; then
    # shellcheck disable=SC2016 # expanded there
    on_host "${hosts[$1]}" 'run() { "$@"; }
      [ "$(id -u)" = 0 ] || run() { sudo -n "$@"; }
      run docker logs --tail '"$2"' resmon-client 2>&1' </dev/null 2>/dev/null || true
  else
    host_verb "${hosts[$1]}" "$role" log "$2" 2>/dev/null || true
  fi
}

# is_connected_there INDEX: whether the newest word of the client's log, since it was started, is that it is connected. A log without
# any INFO line (log.level) has no such word; there no complaint is enough.
is_connected_there() {
  log_there "$1" 400 | awk '
    $2 == "INFO" { tells = 1 }
    $3 == "client" && $4 == "started" { state = "no" }
    $3 == "uplink" && $4 == "connected" { state = "yes" }
    $3 == "uplink" && ($2 == "WARN" || $2 == "ERROR") { state = "no" }
    END { exit !(state == "yes" || (state == "" && !tells)) }'
}
