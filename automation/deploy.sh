# Installs server or clients on other machines over ssh
# shellcheck shell=bash
use process packages config http ports build house pki remote enrol programs join_line

usage() {
  cat <<'TEXT'
Usage: ./resmon deploy client HOST… [OPTION]…
       ./resmon deploy client --file FILE [OPTION]…
       ./resmon deploy client NAME… --print [OPTION]…
       ./resmon deploy server HOST [OPTION]…

Installs over ssh, with your own keys, and with sudo there if you are not root:

  1. checks the machine;
  2. copies program, configuration, token and certificate authority;
  3. starts the program: as a systemd unit, or as a process without systemd;
  4. waits until its data have arrived at the server.

It works on many hosts at once; a host that fails does not stop the others.
Clients are static programs: any Linux from kernel 3.10 on takes them. Each host
gets the one for its architecture ('uname -m'); './resmon release' builds those
of other architectures.
Without root and sudo it installs to ~/.local/resmon. A second run changes
nothing.

HOST is [user@]name[:port] or a name from your ssh configuration. FILE has one
a line: HOST [NAME], # for comments.

What to do (default: install, or apply a changed configuration):
  --upgrade             replace another release by this one; rolls back by
                        itself if no data arrive
  --rollback            return to the previous release
  --remove              stop and remove the program; data and configuration stay
  --purge               with --remove: delete data and configuration, too
  --rotate-token        give each host a new token; the old one stays valid
                        until data arrive with the new one
  --any-name            make tokens that are valid for any client name; by
                        default a token is valid for its host's name only
  --print               print for each NAME a line that installs the client
                        when it is pasted into a shell of that machine: it
                        downloads the program from the server. NAME is the
                        client's name; nothing is done over ssh. The line has
                        the client's token: treat it as a password
  --dry-run             check the hosts and print what would be done
Options:
  --server HOST:PORT    where clients send to; default the server of 'deploy
                        server', else this machine's
  --server-name NAME    the name in the server's certificate, where it differs
                        from that address
  --name NAME           the client's name, for a single HOST; default the name
                        that it has there, else the machine's host name
  --interval D          time between two samples; default 5s
  --set KEY=VALUE       a key of its client.toml or server.toml; may be
                        repeated
  --binary FILE         install this program, not the one for the host's
                        architecture
  --allow-plaintext     clients may send without TLS, for example in a tunnel
  --overwrite-config    replace a configuration that was edited on the host (a
                        copy stays)
  --docker              run the client in a container there (docker must be
                        there); installs nothing else
  --parallel N          hosts at once; default 10
  --wait SECONDS        how long to wait for the first data; default 60
  --ssh-config FILE     instead of ~/.ssh/config
  --json                the result for each host, for programs
  -h, --help            this text

Exit codes: 0 every host is done, 1 some failed (the table lists them with the
  reason), 2 usage, 3 configuration, 4 the server cannot be reached from here

Examples:
  ./resmon configure --tls monitor.example.org --tcp-address 0.0.0.0:7411
  ./resmon restart server
  ./resmon deploy client web1 admin@db1:2222 --server monitor.example.org:7411
  ./resmon deploy client --file hosts --upgrade
  ./resmon deploy client web3 --print --server monitor.example.org:7411
  ./resmon deploy server monitor.example.org && ./resmon deploy client web1
TEXT
}

main() {
  local role='' action=install purge='' dry='' server='' server_name='' name='' interval='' binary='' plaintext='' keep=yes
  local file='' docker='' parallel=10 patience=60 json='' rotate='' any=''
  local -a arguments=() hosts=() names=() sets=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --upgrade) action=upgrade ;;
      --rollback) action=rollback ;;
      --remove) action=remove ;;
      --print) action=print ;;
      --purge) purge=purge ;;
      --rotate-token) rotate=yes ;;
      --any-name) any=yes ;;
      --dry-run) dry=yes ;;
      --allow-plaintext) plaintext=yes ;;
      --overwrite-config) keep=no ;;
      --docker) docker=yes ;;
      --json) json=yes ;;
      --server | --server-name | --name | --interval | --set | --binary | --parallel | --wait | --ssh-config | --file)
        need_value "$1" $#
        case $1 in
          --server) server=$2 ;;
          --server-name) server_name=$2 ;;
          --name) name=$2 ;;
          --interval) interval=$2 ;;
          --set) sets+=("$2") ;;
          --binary) binary=$2 ;;
          --parallel) parallel=$2 ;;
          --wait) patience=$2 ;;
          --ssh-config) export RESMON_SSH_CONFIG=$2 ;;
          --file) file=$2 ;;
        esac
        shift
        ;;
      -*) unknown_argument "$1" ;;
      *)
        if [[ -z $role ]]; then role=$1; else hosts+=("$1") names+=(''); fi
        ;;
    esac
    shift
  done
  [[ $role == client || $role == server ]] || die usage "what? ./resmon deploy client HOST… or ./resmon deploy server HOST"
  check_number --parallel "$parallel" 1 200
  check_number --wait "$patience" 1 3600
  [[ -z $file ]] || read_hosts "$file"
  if [[ $action == print ]]; then
    print_lines
    return
  fi
  check_hosts
  [[ -z $purge || $action == remove ]] || die usage "--purge goes with --remove"
  [[ -z $docker || $action != rollback ]] || die usage "a container is rolled back by its image: docker tag, then deploy again"
  [[ -z $docker || $role == client ]] || die usage "--docker is for clients"
  [[ -z $interval || $interval =~ ^[0-9]+(ms|s|m|h)$ ]] || die usage "--interval must be a time such as 500ms or 5s"
  have ssh || die failed "ssh is missing" "apt-get install openssh-client"
  have jq || die failed "jq is missing" "'./resmon up' installs it"
  deploy_all
}

read_hosts() {
  local host other
  [[ -r $1 ]] || die usage "the file $(printable "$1") cannot be read"
  while read -r host other _ || [[ -n $host ]]; do
    [[ -n $host && $host != '#'* ]] || continue
    [[ $other != '#'* ]] || other=
    hosts+=("$host") names+=("$other")
  done <"$1"
}

check_hosts() {
  local i pair
  local -A seen=()
  ((${#hosts[@]})) || die usage "which hosts? ./resmon deploy $role HOST…"
  [[ $role == client || ${#hosts[@]} == 1 ]] || die usage "deploy server takes one host"
  if [[ -n $name ]]; then
    ((${#hosts[@]} == 1)) || die usage "--name is for one host; with several, FILE names each"
    names[0]=$name
  fi
  for i in "${!hosts[@]}"; do
    valid_host "${hosts[i]}" || die usage "'$(printable "${hosts[i]}")' is not a host such as web1, admin@web1 or web1:2222"
    [[ -z ${seen[${hosts[i]}]-} ]] || die usage "${hosts[i]} is there twice"
    seen[${hosts[i]}]=yes
    [[ -z ${names[i]} ]] || is_client_name "${names[i]}" || die usage "'$(printable "${names[i]}")' is not a client's name"
  done
  for pair in "${sets[@]}"; do
    [[ $role == server || $pair != client.host=* ]] || die usage "the client's name is given by --name NAME, not by --set client.host"
  done
}

# print_lines: a token for each name that has none, then its line.
print_lines() {
  local client changed='' version='' with_tls=''
  [[ $role == client ]] || die usage "--print is for clients"
  ((${#hosts[@]})) || die usage "which names? ./resmon deploy client NAME… --print"
  for client in "${hosts[@]}"; do
    is_client_name "$client" || die usage "'$(printable "$client")' is not a client's name"
  done
  make_home
  prepare_client
  find_server
  take_lock 60
  for client in "${hosts[@]}"; do
    [[ -z $(tokens_of "$client" "$any") ]] || continue
    enrol "$client" "$any"
    changed=yes
  done
  [[ -z $changed ]] || tell_server
  for client in "${hosts[@]}"; do
    join_line "$client" "$(tokens_of "$client" "$any" | head -n 1)" "$server" "$(public_url)" "$server_name"
  done
}

# public_url: where other machines reach the server's HTTP interface: with the host name that clients connect to, unless
# http.public_url says it.
public_url() {
  local url host
  url=$(setting "$(server_config)" http.public_url '')
  if [[ -n $url ]]; then
    printf '%s' "${url%/}"
    return
  fi
  host=${server%:*}
  printf '%s://%s:%s' "${server_url%%://*}" "$host" "${server_url##*:}"
}

deploy_all() {
  local release='' began=$SECONDS failed_hosts=0 untold='' i given=$binary version=''
  work=$(mktemp -d "${TMPDIR:-/tmp}/resmon-deploy.XXXXXX")
  trap 'end_jobs; rm -rf -- "$work"' EXIT
  trap 'progress_end; say "interrupted: hosts that are not done may be half way; the same command again finishes them"; exit 130' INT
  trap 'exit 143' TERM
  make_home
  if [[ $action == install || $action == upgrade ]]; then
    [[ -n $binary ]] || need_binaries "${RESMON_NO_BUILD:-yes}"
    binary=${binary:-$RESMON_BUILD_DIR/bin/resmon-$role}
    [[ -x $binary ]] || die usage "$(printable "$binary") is not a program"
    # Of another architecture the program cannot be asked; all were built from the same sources.
    version=$(version_of "$binary")
    if [[ $role == client ]]; then prepare_client; else prepare_server; fi
  fi
  find_server
  for i in "${!hosts[@]}"; do
    mkdir -- "$work/$i"
    note_stage "$i" waiting
  done
  each_host check_host
  # What all hosts need at the server is done once, when their names are known and before the first of them starts.
  if [[ $role == client && -z $dry && ($action == install || $action == upgrade) ]]; then enrol_all; fi
  each_host one_host
  progress_end
  for i in "${!hosts[@]}"; do
    # A host whose job was ended before it could say anything.
    [[ -s $work/$i/result ]] || printf 'failed\tended unexpectedly: %s\n' "$(tail -n 1 "$work/$i/log")" >"$work/$i/result"
    [[ $(<"$work/$i/result") == ok* ]] || failed_hosts=$((failed_hosts + 1))
  done
  if [[ $role == client && -z $dry ]]; then
    case $action in
      install | upgrade) settle_tokens ;;
      remove) [[ -z $purge ]] || forget_purged ;;
    esac
  fi
  report $((SECONDS - began))
  ((failed_hosts == 0)) && [[ -z $untold ]] || return 1
}

# each_host FUNCTION: for all hosts that have no result yet, each in a process of its own, `parallel` at once.
each_host() {
  local next=0 running=0
  while ((next < ${#hosts[@]} || running > 0)); do
    while ((next < ${#hosts[@]} && running < parallel)); do
      if [[ ! -s $work/$next/result ]]; then
        (
          trap - EXIT INT TERM
          "$1" "$next" >>"$work/$next/log" 2>&1 </dev/null
        ) &
        running=$((running + 1))
      fi
      next=$((next + 1))
    done
    show_progress
    ((running > 0)) || break
    sleep 0.2
    running=$(jobs -pr | wc -l)
  done
  show_progress
}

# version_of PROGRAM
version_of() {
  local version
  version=$("$1" --version 2>/dev/null </dev/null | awk '{ print $2; exit }') || version=
  [[ -n $version ]] || die failed "$(printable "$1") does not say its version"
  # It becomes the name of a folder on the hosts, which take no other.
  [[ $version =~ ^[0-9A-Za-z][0-9A-Za-z._-]*$ ]] ||
    die failed "the version of $(printable "$1") is '$(printable "$version")'; a release is named by letters, digits, dots, dashes and underscores"
  printf '%s' "$version"
}

# program_for ARCHITECTURE: what a host of it gets; fails where there is nothing for it.
program_for() {
  local own
  if [[ -z $given && $role == client ]]; then
    client_for "$1"
    return
  fi
  own=$(architecture_of "$binary")
  [[ -z $own || $own == "$1" ]] && printf '%s' "$binary"
}

# ---- one host, in a process of its own ----

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
    elif server_get /api/v1/hosts 2>/dev/null | jq -e --arg host "$client" --argjson since "$since" --arg moment "$moment" \
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

# ---- the two ends ----

# The server that `deploy server` installed, by the address given then; otherwise the server of this state directory.
fleet_file() { printf '%s' "$RESMON_HOME/fleet.json"; }

# server_get PATH: from the server, wherever it is.
server_get() { http_get "$server_url$1" "$(token_file)"; }

# server_now: the server's clock in milliseconds; 0 when it does not answer.
server_now() {
  [[ $role != server ]] || {
    printf 0
    return 0
  }
  server_get /api/v1/hosts 2>/dev/null | jq -e '.server_time' 2>/dev/null || printf 0
}

# keep_server: the server is up: from now on clients are deployed to it.
keep_server() { [[ $role != server ]] || mv -f -- "$work/fleet.json" "$(fleet_file)"; }

# find_server: sets server_url, and stops early when nothing could ever be seen to arrive.
find_server() {
  if [[ $role == server ]]; then
    [[ -n ${server_url-} ]] || server_url=$(jq -r .http_url "$(fleet_file)" 2>/dev/null) || server_url=
    return 0
  fi
  if [[ -s $(fleet_file) ]]; then
    server_url=$(jq -r .http_url "$(fleet_file)")
  else
    server_url=$(jq -r .http_url <<<"$(endpoints)")
  fi
  [[ $action != remove && -z $dry ]] || return 0
  server_get /readyz >/dev/null 2>&1 ||
    die connection "the server does not answer at $server_url" "'./resmon up' or './resmon start server' starts it"
}

# prepare_client: the settings that all clients share: the server's address and the certificate authority.
prepare_client() {
  local listening
  if [[ -z $server ]]; then
    if [[ -s $(fleet_file) ]]; then server=$(jq -r .tcp_address "$(fleet_file)"); else server=$(dialable "$(tcp_address)"); fi
  fi
  port_of "$server" >/dev/null || die usage "--server: '$(printable "$server")' is not HOST:PORT"
  listening=$(setting "$(server_config)" listen.tls false)
  if [[ $listening == true || -s $(fleet_file) ]]; then
    [[ -s $(tls_directory)/ca.crt ]] ||
      warn "there is no $(tls_directory)/ca.crt: clients trust the authorities of their system"
    with_tls=yes
  else
    with_tls=
    [[ -n $plaintext ]] || die configuration "the server does not use TLS, and tokens do not travel in the open" \
      "./resmon configure --tls THE-SERVERS-NAME, then ./resmon restart server" \
      "or, where a tunnel encrypts: --allow-plaintext"
    [[ $server != 127.* && $server != localhost:* ]] || warn "clients will look for the server at $server, on their own machine"
  fi
}

prepare_server() {
  local host=${hosts[0]##*@} name
  host=${host%:*}
  host=${host#[} host=${host%]}
  name=${server_name:-$host}
  server_url=https://$(bracketed "$name"):7412
  local -a config_written=()
  ensure_config '' ''
  ((${#config_written[@]} == 0)) || say "wrote ${config_written[*]} in $RESMON_HOME"
  if [[ ! -s $(tls_directory)/server-$name.crt ]]; then make_certificate "$(tls_directory)/server-$name" "$name"; fi
}

bracketed() { if [[ $1 == *:* ]]; then printf '[%s]' "$1"; else printf '%s' "$1"; fi; }

# enrol_all: a token for each client that has none, or a further one; then the server is told, once.
enrol_all() {
  local i changed='' client
  local -A fresh=()
  take_lock 60
  [[ -s $(token_file) ]] || die configuration "there is no token file $(token_file)" "'./resmon up' or './resmon configure' makes it"
  for i in "${!hosts[@]}"; do
    [[ -s $work/$i/facts ]] || continue
    client=$(<"$work/$i/client")
    # Two hosts that report under one name have one token.
    if [[ -z ${fresh[$client]-} && (-n $rotate || -z $(tokens_of "$client" "$any")) ]]; then
      enrol "$client" "$any"
      changed=yes
    fi
    fresh[$client]=yes
    (umask 077 && tokens_of "$client" "$any" | head -n 1 >"$work/$i/token")
  done
  [[ -z $changed ]] || tell_server
}

# tell_server: waits until the server has the token file as it is now. Nothing restarts.
tell_server() {
  local host written
  if [[ -s $(fleet_file) ]]; then
    host=$(jq -r .host "$(fleet_file)")
    progress "the server on $host takes the new tokens"
    # shellcheck disable=SC2016 # expanded there
    written=$(on_host "$host" 'umask 077
      run() { "$@"; }
      etc=$HOME/.local/resmon/etc
      if [ "$(id -u)" = 0 ]; then etc=/etc/resmon
      elif sudo -n test -e /etc/resmon/server.toml 2>/dev/null; then etc=/etc/resmon; run() { sudo -n "$@"; }; fi
      run sh -c '\''umask 077; cat >"$1/server.token.new" &&
        { [ ! -e "$1/server.token" ] || { chown --reference="$1/server.token" "$1/server.token.new" &&
          chmod --reference="$1/server.token" "$1/server.token.new"; }; } &&
        mv -f "$1/server.token.new" "$1/server.token" && stat -c written=%.6Y "$1/server.token"'\'' sh "$etc"' \
      <"$(token_file)") || die failed "the server on $host could not be given the new tokens"
    written=$(fact written "$written")
    await_tokens "$server_url" "${written//[!0-9]/}"
  elif is_running server; then
    progress "the server takes the new tokens"
    await_tokens "$server_url" "$(written_at "$(token_file)")"
  fi
  progress_end
}

# forget_purged: revokes the tokens of every purged host: the token that it had, and those of its client's name.
forget_purged() {
  local i lines=$work/purged
  (umask 077 && : >"$lines")
  for i in "${!hosts[@]}"; do
    [[ $(<"$work/$i/result") == ok* ]] || continue
    cat -- "$work/$i/client" "$work/$i/token" >>"$lines" 2>/dev/null || true
  done
  [[ -s $lines && -s $(token_file) ]] || return 0
  take_lock 60
  if forget_tokens "$lines"; then take_back; fi
}

# settle_tokens: with --rotate-token the old ones of every host that is done are taken back.
settle_tokens() {
  local i changed=''
  [[ -n $rotate ]] || return 0
  for i in "${!hosts[@]}"; do
    [[ $(<"$work/$i/result") == ok* ]] || continue
    if revoke "$(<"$work/$i/client")" 1; then changed=yes; fi
  done
  [[ -z $changed ]] || take_back
}

# take_back: as tell_server, after everything else is done: the report still comes.
take_back() {
  (tell_server) && return 0
  warn "the server still accepts the old tokens; they are removed from $(token_file)"
  untold=yes
}

# payload INDEX NAME: collects the files for the host in $work/INDEX/payload.
payload() {
  local i=$1 directory=$work/$1/payload etc=/etc/resmon state=/var/lib/resmon log=/var/log/resmon pair key config
  mkdir -p -- "$directory/etc"
  if [[ $(fact root "$facts") != yes && $(fact sudo "$facts") != yes ]]; then
    local home
    # shellcheck disable=SC2016 # expanded there
    home=$(on_host "${hosts[i]}" 'printf %s "$HOME"' </dev/null) || return 1
    etc=$home/.local/resmon/etc state=$home/.local/resmon/state log=$home/.local/resmon/log
  fi
  cp -- "$RESMON_ROOT/automation/lib/host.sh" "$directory/host.sh"
  cp -- "$program" "$directory/resmon-$role"
  if [[ $role == server ]]; then copy_clients "$directory/clients"; fi
  sed "s#@PROGRAM_DIRECTORY@#/opt/resmon/$role/current#" "$RESMON_ROOT/packaging/systemd/resmon-$role.service.in" \
    >"$directory/resmon-$role.service"
  config=$directory/etc/$role.toml
  begin_config "$config" "$binary"
  if [[ $role == client ]]; then
    cp -- "$work/$i/token" "$directory/etc/client.token"
    toml_set "$config" client.host "$(toml_string "$2")"
    toml_set "$config" client.servers "[$(toml_string "$server")]"
    toml_set "$config" client.token_file "$(toml_string "$etc/client.token")"
    toml_set "$config" client.interval "$(toml_string "${interval:-5s}")"
    toml_set "$config" spool.directory "$(toml_string "$state/client")"
    if [[ -n $with_tls ]]; then
      toml_set "$config" tls.enabled true
      if [[ -s $(tls_directory)/ca.crt ]]; then
        cp -- "$(tls_directory)/ca.crt" "$directory/etc/ca.crt"
        toml_set "$config" tls.ca_file "$(toml_string "$etc/ca.crt")"
      fi
      [[ -z $server_name ]] || toml_set "$config" tls.server_name "$(toml_string "$server_name")"
    else
      toml_set "$config" tls.allow_plaintext true
    fi
  else
    cp -- "$(token_file)" "$directory/etc/server.token"
    local name=${server_url#https://}
    name=${name%:*}
    name=${name#[} name=${name%]}
    cp -- "$(tls_directory)/server-$name.crt" "$directory/etc/server.crt"
    cp -- "$(tls_directory)/server-$name.key" "$directory/etc/server.key"
    cp -- "$(tls_directory)/ca.crt" "$directory/etc/ca.crt"
    toml_set "$config" listen.address '"0.0.0.0:7411"'
    toml_set "$config" listen.tls true
    toml_set "$config" http.address '"0.0.0.0:7412"'
    toml_set "$config" http.tls true
    toml_set "$config" tls.certificate_file "$(toml_string "$etc/server.crt")"
    toml_set "$config" tls.key_file "$(toml_string "$etc/server.key")"
    toml_set "$config" auth.token_file "$(toml_string "$etc/server.token")"
    toml_set "$config" store.directory "$(toml_string "$state/server")"
    jq -n --arg host "${hosts[i]}" --arg http_url "$server_url" --arg tcp_address "$(bracketed "$name"):7411" '$ARGS.named' |
      write_private "$work/fleet.json"
  fi
  toml_set "$config" log.file "$(toml_string "$log/$role.log")"
  if [[ -n $docker ]]; then
    toml_set "$config" log.file '""'
    toml_set "$config" roots.file_system '"/host"'
  fi
  for pair in "${sets[@]}"; do
    key=${pair%%=*}
    [[ $pair == *=* && $key =~ ^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+$ ]] || {
      result "$i" failed "--set: '$pair' is not KEY=VALUE"
      return 1
    }
    toml_set "$config" "$key" "$(as_toml "${pair#*=}")"
  done
}

# copy_clients DIRECTORY: what the server hands out to machines that are to be watched.
copy_clients() {
  local architecture file
  mkdir -p -- "$1"
  for architecture in x86_64 aarch64; do
    file=$(client_for "$architecture") || continue
    cp -- "$file" "$1/resmon-client-$architecture"
  done
  cp -- "$RESMON_ROOT/packaging/installer/resmon-client.sh" "$1/"
}

# ---- for people ----

show_progress() {
  local i line='' stage
  local -A count=()
  [[ -t 2 ]] || return 0
  for i in "${!hosts[@]}"; do
    stage=$(<"$work/$i/stage")
    count[$stage]=$((${count[$stage]-0} + 1))
  done
  for stage in waiting checking copying starting 'waiting for data' 'going back' rollback remove ok failed; do
    [[ -z ${count[$stage]-} ]] || line+="${line:+, }${count[$stage]} $stage"
  done
  if ((${#hosts[@]} <= 20)); then
    # A line a host, redrawn in place.
    [[ -z ${drawn-} ]] || printf '\033[%dA' "${#hosts[@]}" >&2
    drawn=yes
    for i in "${!hosts[@]}"; do printf '\r\033[K  %-30s %s\n' "${hosts[i]}" "$(<"$work/$i/stage")" >&2; done
  else
    progress "$line"
  fi
}

report() {
  local i state text
  for i in "${!hosts[@]}"; do
    IFS=$'\t' read -r state text <"$work/$i/result"
    jq -cn --arg host "${hosts[i]}" --arg client "$(cat "$work/$i/client" 2>/dev/null || true)" --arg state "$state" \
      --arg text "$text" '$ARGS.named'
  done >"$work/all"
  if [[ -n $json ]]; then
    jq -s . <"$work/all"
    return
  fi
  for i in "${!hosts[@]}"; do
    IFS=$'\t' read -r state text <"$work/$i/result"
    if [[ $state == ok ]]; then state=$(paint 1 green 'ok    '); else state=$(paint 1 red FAILED); fi
    printf '%s  %-28s %s\n' "$state" "${hosts[i]}" "$text"
  done
  say "$((${#hosts[@]} - failed_hosts)) of ${#hosts[@]} done in $1 s"
}
