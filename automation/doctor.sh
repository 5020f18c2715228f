# Checks this machine and the running programs; prints remedies
# shellcheck shell=bash
use process packages config http ports house pki table failing

usage() {
  cat <<'TEXT'
Usage: ./resmon doctor [--json]

Checks versions, packages, ports, clock, kernel features, disk space,
configuration files, running programs, the server, and certificates and their
expiry. Each line is ok, warn (resmon runs, but something is missing) or fail;
warn and fail come with a remedy.

Options:
  --json       an array of {state, check, text, remedy}
  -h, --help   this text

Exit codes: 0 nothing failed, 1 something failed, 2 usage

Examples:
  ./resmon doctor
  ./resmon doctor --json | jq '.[] | select(.state == "fail")'
TEXT
}

main() {
  local json='' name
  local -a found=()
  while (($#)); do
    case $1 in
      --json) json=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  for name in versions packages kernel memory disk clock home configuration processes ports certificates server databases; do
    "check_$name"
  done
  if [[ -n $json ]]; then
    printf '%s\n' "${found[@]}" | jq -s .
  fi
  ! printf '%s\n' "${found[@]}" | grep -q '^fail\|"state":"fail"' || return 1
}

# finding STATE CHECK TEXT [MEND]
finding() {
  if [[ -n $json ]]; then
    found+=("$(jq -cn --arg state "$1" --arg check "$2" --arg text "$3" --arg remedy "${4-}" '$ARGS.named')")
    return 0
  fi
  found+=("$1")
  local colour
  case $1 in ok) colour=green ;; warn) colour=yellow ;; *) colour=red ;; esac
  printf '%s  %-14s %s\n' "$(paint 1 "$colour" "$(printf '%-4s' "$1")")" "$2" "$(printable "$3")"
  [[ -z ${4-} ]] || printf '      %-14s remedy: %s\n' '' "$(printable "$4")"
}

check_versions() {
  local system=unknown
  [[ ! -r /etc/os-release ]] || system=$(sed -nE 's/^PRETTY_NAME="?([^"]*)"?$/\1/p' /etc/os-release)
  finding ok system "$system, Linux $(uname -r), bash ${BASH_VERSION%%(*}, $(nproc) cores"
  if [[ ! -r /etc/debian_version ]]; then
    finding warn system "not Debian: packages are not installed by './resmon up'" "install what automation/packages.txt lists"
  fi
  if [[ -x $RESMON_BUILD_DIR/bin/resmon-server ]]; then
    finding ok build "$("$RESMON_BUILD_DIR/bin/resmon-server" --version 2>/dev/null | head -n 1 || true) in $RESMON_BUILD_DIR/bin"
  else
    finding warn build "not built yet" "./resmon up"
  fi
}

check_packages() {
  have dpkg-query || return 0
  local -a missing=()
  missing_packages base build node
  if ((${#missing[@]})); then
    if ((EUID == 0)) || have sudo; then
      finding warn packages "missing: ${missing[*]}" "./resmon up installs them"
    else
      finding warn packages "missing: ${missing[*]}" "as root: apt-get install --no-install-recommends ${missing[*]}"
    fi
  else
    finding ok packages "everything needed to build and run is installed"
  fi
}

check_kernel() {
  local file
  for file in stat meminfo vmstat diskstats net/dev net/snmp; do
    [[ -r /proc/$file ]] || finding fail kernel "/proc/$file cannot be read" "mount /proc; in a container, use the host's"
  done
  if [[ -r /proc/pressure/cpu ]] && cat /proc/pressure/cpu >/dev/null 2>&1; then
    finding ok kernel "pressure stall information is available"
  else
    finding warn kernel "/proc/pressure is not there: no pressure measurements" "boot with psi=1 on the kernel's command line"
  fi
}

check_memory() {
  local mebibytes
  mebibytes=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
  if ((${mebibytes:-0} >= 1500)); then
    finding ok memory "$mebibytes MiB available"
  else
    finding warn memory "${mebibytes:-0} MiB available: the build needs about 1500" "build on another machine, or add swap"
  fi
}

check_disk() {
  local mebibytes
  mebibytes=$(free_mebibytes "$RESMON_HOME")
  if ((mebibytes >= 2048)); then
    finding ok disk "$mebibytes MiB free for $RESMON_HOME"
  elif ((mebibytes >= 200)); then
    finding warn disk "$mebibytes MiB free for $RESMON_HOME" "free some space, or RESMON_HOME=DIRECTORY on a larger disk"
  else
    finding fail disk "$mebibytes MiB free for $RESMON_HOME" "free some space, or RESMON_HOME=DIRECTORY on a larger disk"
  fi
}

check_clock() {
  local year
  year=$(date +%Y)
  if ((year < 2025)); then
    finding fail clock "the clock says $(date -u +%Y-%m-%dT%H:%M:%SZ)" "set it: systemd-timesyncd or chrony"
  elif have timedatectl && [[ $(timedatectl show --property=NTPSynchronized --value 2>/dev/null) == no ]]; then
    finding warn clock "not synchronised by NTP" "apt-get install systemd-timesyncd, or chrony"
  else
    finding ok clock "$(date -u +%Y-%m-%dT%H:%M:%SZ), monotonic since boot: $(cut -d ' ' -f 1 /proc/uptime) s"
  fi
}

check_home() {
  local mode file
  if [[ ! -d $RESMON_HOME ]]; then
    finding ok state "$RESMON_HOME is not there yet" "./resmon up"
    return 0
  fi
  if [[ ! -w $RESMON_HOME ]]; then
    finding fail state "$RESMON_HOME cannot be written" "chown it to the user who runs resmon"
    return 0
  fi
  for file in "$RESMON_HOME"/{token,server.toml,client.toml}; do
    [[ -e $file ]] || continue
    mode=$(stat -c %a -- "$file")
    [[ $mode == 600 ]] || finding fail secrets "$file has mode $mode: others may read it" "chmod 600 '$file'"
  done
  finding ok state "$RESMON_HOME"
}

check_configuration() {
  local program output line
  for program in server client; do
    [[ -s $RESMON_HOME/$program.toml && -x $RESMON_BUILD_DIR/bin/resmon-$program ]] || continue
    if output=$("$RESMON_BUILD_DIR/bin/resmon-$program" --config "$RESMON_HOME/$program.toml" --check-config 2>&1 </dev/null); then
      finding ok configuration "$program.toml is valid"
      while read -r line; do
        [[ $line != *': warning: '* ]] || finding warn configuration "${line#*: warning: }" "if another program writes this name, all is well"
      done <<<"$output"
    else
      finding fail configuration "$program.toml: $output" "edit $RESMON_HOME/$program.toml"
    fi
  done
}

check_processes() {
  local name pid
  while read -r name; do
    if pid=$(pid_of "$name"); then
      finding ok processes "$name runs (pid $pid)"
    else
      finding warn processes "$name ended unexpectedly" "./resmon logs server client load --level warn; ./resmon up starts it again"
    fi
  done < <(running_names)
  for name in server client; do
    # The server of './resmon deploy server' runs on another machine; fleet.json names it.
    [[ -s $RESMON_HOME/$name.toml && ! -e $(pid_file "$name") && ! ($name == server && -s $RESMON_HOME/fleet.json) ]] || continue
    finding warn processes "$name is configured, but does not run" "./resmon start $name"
  done
}

check_ports() {
  local address port holder
  is_running server && return 0
  for address in "$(http_address)" "$(tcp_address)"; do
    if ! port=$(port_of "$address"); then
      finding fail ports "'$address' is not HOST:PORT" "./resmon configure --http-address HOST:PORT --tcp-address HOST:PORT"
    elif port_taken "$port"; then
      holder=$(port_holder "$port")
      finding fail ports "port $port is taken${holder:+ by $holder}" "stop it, or ./resmon up --http-port PORT --tcp-port PORT"
    else
      finding ok ports "port $port is free"
    fi
  done
}

check_server() {
  local url
  is_running server || return 0
  url=$(jq -r .http_url <<<"$(endpoints)")
  if http_get "$url/readyz" "$(token_file)" >/dev/null 2>&1; then
    finding ok server "answers at $url"
    check_refused "$url"
    check_scripts "$url"
  else
    finding fail server "runs, but is not ready at $url" "./resmon logs server --level warn"
  fi
}

# check_refused URL: clients that the server there refused within ten minutes.
check_refused() {
  local host code reason
  while IFS=$'\t' read -r host code reason; do
    case $code in
      token | wrong_name) finding warn clients "$host is refused: $reason" "./resmon configure enrol NAME makes a token for that name" ;;
      *) finding warn clients "$host is refused ($code): $reason" "./resmon logs server --grep 'client refused'" ;;
    esac
  done < <(http_get "$1/api/v1/server" "$(token_file)" 2>/dev/null | jq -r '.ingest.refused_clients[]? | [.host, .code, .reason] | @tsv')
}

# check_scripts URL: scripts of clients whose last run failed.
check_scripts() {
  local line
  while IFS= read -r line; do
    finding warn scripts "$line" "the client's log says why: ./resmon logs client --grep 'script failed', or ./resmon logs HOST"
  done < <(failing_scripts get_of "$1" | jq -c '.[]' | failing_words)
}

get_of() { http_get "$1$2" "$(token_file)"; }

check_databases() {
  local url=${INFLUX_URL-}
  [[ -n $url ]] || return 0
  if have curl && curl --silent --output /dev/null --max-time 5 -- "$url/ping"; then
    finding ok database "INFLUX_URL answers"
  else
    finding warn database "INFLUX_URL does not answer; samples wait in the journal until it does" "check the address and the network"
  fi
}

check_certificates() {
  local file days
  for file in "$(setting "$(server_config)" tls.certificate_file '')" "$(tls_directory)/ca.crt"; do
    [[ -n $file && -e $file ]] || continue
    if ! days=$(certificate_days "$file"); then
      finding fail certificates "$file is not a certificate" "./resmon configure --tls NAME"
    elif ((days < 0)); then
      finding fail certificates "$file ran out $((-days)) days ago" "./resmon configure certificate; ./resmon restart server"
    elif ((days < 30)); then
      finding warn certificates "$file runs out in $days days" "./resmon configure certificate; ./resmon restart server"
    else
      finding ok certificates "$file is valid for $days days"
    fi
  done
}
