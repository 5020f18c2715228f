# Installs server or clients on other machines over ssh
# shellcheck shell=bash
use process packages config http ports build house pki remote enrol programs join_line
use deploy_host deploy_ends deploy_report
server_url='' # found by find_server

usage() {
  cat <<'TEXT'
Usage: ./resmon deploy client HOST… [OPTION]…
       ./resmon deploy client --file FILE [OPTION]…
       ./resmon deploy client NAME… --print [OPTION]…
       ./resmon deploy server HOST… [OPTION]…

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

Several servers in one command show and answer for all (docs/peers.md): they get
one certificate with the names of all, the same tokens, the same first users,
and each other's addresses. Clients deployed afterwards know all of them. To add
one, name all of them again.

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
                        from that address; of several servers a further one,
                        such as a balancer's
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
  ./resmon deploy server s1.example.org s2.example.org
TEXT
}

# shellcheck disable=SC2034 # of lib/deploy_*.sh
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
# shellcheck disable=SC2034 # of lib/deploy_*.sh
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

# shellcheck disable=SC2034 # of lib/deploy_*.sh
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
