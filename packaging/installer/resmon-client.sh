#!/bin/sh
# Installs, upgrades and removes resmon-client on any Linux. It needs root, a POSIX shell, and curl or wget for a download.
#
#   program     /usr/local/bin/resmon-client        the one before an upgrade: resmon-client.previous
#   settings    /etc/resmon/client.toml, client.token, ca.crt        never overwritten without being asked
#   data        /var/lib/resmon/client, log /var/log/resmon/client.log
#   user        resmon
#   service     of systemd, OpenRC or runit; otherwise a line @reboot in root's crontab
set -eu
umask 022

usage() {
  cat <<'TEXT'
Usage: sh resmon-client.sh install [OPTION]…
       sh resmon-client.sh upgrade [OPTION]…
       sh resmon-client.sh remove [--purge]

Options:
  --server HOST:PORT   where the client sends to (install)
  --name NAME          the name to report under; default this host's name
  --token-file FILE    the client's token; also used for the download
  --ca-file FILE       the certificate authority of the server; default the
                       system's
  --server-name NAME   the name in the server's certificate, if it differs
  --plaintext          send without TLS, for example in a tunnel
  --url URL            download the program from this resmon server, such as
                       https://monitor.example.org:7412
  --program FILE       install this file instead of a download
  --purge              with remove: delete settings and data, too

Exit codes: 0 done, 1 failed (an upgrade has gone back), 2 usage
TEXT
}

say() { printf '%s\n' "$1"; }
fail() {
  printf 'resmon-client.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}
have() { command -v "$1" >/dev/null 2>&1; }

root=${RESMON_INSTALL_ROOT-} # put before all paths: for tests and images
bin=$root/usr/local/bin/resmon-client
etc=$root/etc/resmon
state=$root/var/lib/resmon
log=$root/var/log/resmon

# ---- the program ----

# fetch PATH FILE: from the server; the token is in a file of curl's or wget's settings, never on a command line.
fetch() {
  if have curl; then
    {
      printf 'header = "Authorization: Bearer %s"\n' "$(head -n 1 "$token_file")"
      [ -z "$ca_file" ] || printf 'cacert = "%s"\n' "$ca_file"
    } >"$work/curl"
    curl --config "$work/curl" --fail --silent --show-error --location --max-time 300 --output "$2" "$url$1"
  elif have wget; then
    {
      printf 'header = Authorization: Bearer %s\n' "$(head -n 1 "$token_file")"
      [ -z "$ca_file" ] || printf 'ca_certificate = %s\n' "$ca_file"
    } >"$work/wgetrc"
    WGETRC=$work/wgetrc wget -q -T 300 -O "$2" "$url$1"
  else
    fail "neither curl nor wget is here; copy the program and give it with --program"
  fi
}

# get_program: the program for this machine, checked, in $work/program.
get_program() {
  if [ -n "$program" ]; then
    cp -- "$program" "$work/program"
  else
    [ -n "$url" ] || fail "--url or --program says where the program is" 2
    [ -r "$token_file" ] || fail "--token-file is needed for the download" 2
    fetch "/download/resmon-client-$(uname -m)" "$work/program"
    fetch "/download/resmon-client-$(uname -m).sha256" "$work/sha256"
    [ "$(sha256sum "$work/program" | cut -d ' ' -f 1)" = "$(cut -d ' ' -f 1 "$work/sha256")" ] ||
      fail "the program that was downloaded is damaged: its checksum differs"
  fi
  chmod 755 "$work/program"
  "$work/program" --version >/dev/null || fail "the program does not run on this machine ($(uname -sm))"
}

put_program() {
  mkdir -p "${bin%/*}"
  [ ! -e "$bin" ] || cp -- "$bin" "$bin.previous"
  cp -- "$work/program" "$bin.new"
  mv -f -- "$bin.new" "$bin"
}

# ---- user and settings ----

add_user() {
  id resmon >/dev/null 2>&1 && return
  if have useradd; then
    useradd --system --user-group --home-dir /var/lib/resmon --shell /sbin/nologin resmon
  else
    adduser -S -D -H -h /var/lib/resmon -s /sbin/nologin resmon # busybox
    addgroup -S resmon 2>/dev/null || true
    addgroup resmon resmon 2>/dev/null || true
  fi
}

# quoted TEXT: as a string of TOML.
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

put_settings() {
  mkdir -p "$etc" "$state/client" "$log"
  (umask 077 && cp -- "$token_file" "$etc/client.token")
  [ -z "$ca_file" ] || cp -- "$ca_file" "$etc/ca.crt"
  if [ -e "$etc/client.toml" ]; then
    say "kept $etc/client.toml"
  else
    {
      printf '[client]\nservers = [%s]\ntoken_file = "/etc/resmon/client.token"\n' "$(quoted "$server")"
      [ -z "$name" ] || printf 'host = %s\n' "$(quoted "$name")"
      printf '\n[tls]\n'
      if [ -n "$plaintext" ]; then printf 'allow_plaintext = true\n'; else printf 'enabled = true\n'; fi
      [ -z "$ca_file" ] || printf 'ca_file = "/etc/resmon/ca.crt"\n'
      [ -z "$server_name" ] || printf 'server_name = %s\n' "$(quoted "$server_name")"
      printf '\n[spool]\ndirectory = "/var/lib/resmon/client"\n\n[log]\nfile = "/var/log/resmon/client.log"\n'
    } >"$etc/client.toml"
  fi
  chown -R resmon:resmon "$state" "$log"
  chown -R root:resmon "$etc"
  chmod 750 "$etc" "$state" "$log"
  chmod 640 "$etc/client.token" "$etc/client.toml"
}

# ---- the service ----

manager() {
  if [ -d "$root/run/systemd/system" ]; then
    echo systemd
  elif have rc-update && have rc-service; then
    echo openrc
  elif have sv && [ -d "$root/etc/sv" ]; then
    echo runit
  else
    echo cron
  fi
}

runs="/usr/local/bin/resmon-client --config /etc/resmon/client.toml"

put_service() {
  case $(manager) in
    systemd)
      cat >"$root/etc/systemd/system/resmon-client.service" <<UNIT
[Unit]
Description=resmon client: samples this machine and sends what it sees
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=$runs
Restart=always
RestartSec=5
TimeoutStopSec=20
User=resmon
Group=resmon
UMask=0077
MemoryLimit=256M
TasksMax=128
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=full
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
UNIT
      systemctl daemon-reload
      systemctl enable resmon-client.service
      ;;
    openrc)
      cat >"$root/etc/init.d/resmon-client" <<UNIT
#!/sbin/openrc-run
description="resmon client"
command="${runs%% *}"
command_args="${runs#* }"
command_user="resmon:resmon"
command_background=true
pidfile="/run/resmon-client.pid"
retry="TERM/20/KILL/5"
depend() {
  use net
}
UNIT
      chmod 755 "$root/etc/init.d/resmon-client"
      rc-update add resmon-client default
      ;;
    runit)
      mkdir -p "$root/etc/sv/resmon-client"
      printf '#!/bin/sh\nexec chpst -u resmon:resmon %s\n' "$runs" >"$root/etc/sv/resmon-client/run"
      chmod 755 "$root/etc/sv/resmon-client/run"
      ln -sfn /etc/sv/resmon-client "$(runit_services)/resmon-client"
      ;;
    cron)
      have crontab || fail "neither systemd, OpenRC, runit nor cron is here; start it yourself: $runs"
      {
        crontab -l 2>/dev/null | grep -vF "$runs" || true
        printf '@reboot %s\n' "$start_in_background"
      } | crontab -
      ;;
  esac
}

runit_services() {
  for folder in "$root/var/service" "$root/etc/service" "$root/service"; do
    [ ! -d "$folder" ] || break
  done
  echo "$folder"
}

start_in_background="su -s /bin/sh resmon -c 'exec $runs' </dev/null >/dev/null 2>&1 &"
pids() { pgrep -u resmon -x resmon-client 2>/dev/null || true; }

# service start|restart|stop
service() {
  case $(manager) in
    systemd) systemctl "$1" resmon-client.service ;;
    openrc) rc-service resmon-client "$1" ;;
    runit) sv "$1" resmon-client ;;
    cron)
      for pid in $(pids); do kill "$pid" 2>/dev/null || true; done
      for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do # it sends what is left
        [ -n "$(pids)" ] || break
        sleep "${RESMON_INSTALL_WAIT:-1}"
      done
      [ "$1" = stop ] || sh -c "$start_in_background"
      ;;
  esac
}

# is_up: whether the client runs, and still does three seconds later.
is_up() {
  for _ in 1 2 3; do
    sleep "${RESMON_INSTALL_WAIT:-1}"
    [ -n "$(pids)" ] || return 1
  done
}

# ---- what a person asks for ----

do_install() {
  [ -n "$server" ] || [ -e "$etc/client.toml" ] || fail "--server HOST:PORT is needed" 2
  [ -r "$token_file" ] || fail "--token-file is needed" 2
  get_program
  add_user
  put_program
  put_settings
  "$bin" --config "$etc/client.toml" --check-config >/dev/null || [ -n "$root" ] || fail "$etc/client.toml is not valid"
  put_service
  service restart
  is_up || fail "the client does not stay up; its log: $log/client.log"
  say "resmon-client $("$bin" --version | cut -d ' ' -f 2) runs ($(manager))"
}

do_upgrade() {
  [ -x "$bin" ] || fail "there is no $bin: install it first"
  [ -n "$token_file" ] || token_file=$etc/client.token
  [ -n "$ca_file" ] || [ ! -r "$etc/ca.crt" ] || ca_file=$etc/ca.crt
  get_program
  put_program
  service restart
  if ! is_up; then
    mv -f -- "$bin.previous" "$bin"
    service restart
    fail "the new client does not stay up; went back to the one before"
  fi
  say "resmon-client $("$bin" --version | cut -d ' ' -f 2) runs ($(manager))"
}

do_remove() {
  service stop || true
  case $(manager) in
    systemd)
      systemctl disable resmon-client.service || true
      rm -f -- "$root/etc/systemd/system/resmon-client.service"
      systemctl daemon-reload
      ;;
    openrc)
      rc-update del resmon-client default || true
      rm -f -- "$root/etc/init.d/resmon-client"
      ;;
    runit)
      rm -f -- "$(runit_services)/resmon-client"
      rm -rf -- "$root/etc/sv/resmon-client"
      ;;
    cron) { crontab -l 2>/dev/null | grep -vF "$runs" || true; } | crontab - ;;
  esac
  rm -f -- "$bin" "$bin.previous"
  if [ -n "$purge" ]; then
    rm -rf -- "$etc/client.toml" "$etc/client.token" "$etc/ca.crt" "$state/client" "$log/client.log"
    rmdir "$etc" "$state" "$log" 2>/dev/null || true
  fi
  say "removed${purge:+, with settings and data}"
}

action=
server='' name='' token_file='' ca_file='' server_name='' plaintext='' url='' program='' purge=''
while [ $# -gt 0 ]; do
  case $1 in
    install | upgrade | remove) action=$1 ;;
    --plaintext) plaintext=yes ;;
    --purge) purge=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    --server | --name | --token-file | --ca-file | --server-name | --url | --program)
      [ $# -ge 2 ] || fail "$1 needs a value" 2
      case $1 in
        --server) server=$2 ;;
        --name) name=$2 ;;
        --token-file) token_file=$2 ;;
        --ca-file) ca_file=$2 ;;
        --server-name) server_name=$2 ;;
        --url) url=${2%/} ;;
        --program) program=$2 ;;
      esac
      shift
      ;;
    *) fail "unknown argument '$1'; --help lists them" 2 ;;
  esac
  shift
done
[ -n "$action" ] || fail "what? install, upgrade or remove; --help explains" 2
[ "$(id -u)" = 0 ] || fail "this needs root" 1
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' INT TERM
chmod 700 "$work"
"do_$action"
