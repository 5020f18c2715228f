# Writes, shows, checks and changes the configuration files
# shellcheck shell=bash
use process config http ports build house pki enrol

usage() {
  cat <<'TEXT'
Usage: ./resmon configure [OPTION]…
       ./resmon configure show [--json] | check | set KEY VALUE
       ./resmon configure certificate [NAME…]
       ./resmon configure enrol NAME [--any-name] | revoke NAME | rotate-token

Without options it asks on the terminal; an empty answer keeps the current
value. With options it asks nothing.

It creates token, server.toml, client.toml and .env in RESMON_HOME where they
are missing, then sets the options. Before it changes a file it copies the file
to FILE.TIME.bak and keeps the newest three copies. A change that the program
rejects is not made. Running programs use a change after './resmon restart'.

Options:
  --http-address HOST:PORT  where the page and the HTTP interface listen;
                            default 127.0.0.1:7412
  --tcp-address HOST:PORT   where clients connect; default 127.0.0.1:7411
  --servers LIST            the servers of this machine's client,
                            comma-separated, tried in order
  --host NAME               the name this machine reports under; default its
                            host name
  --interval D              time between two samples of this machine's client,
                            such as 1s
  --log-level L             debug, info, warn or error, for both programs
  --tls NAME[,NAME…]        clients must use TLS: makes an authority and a
                            certificate for these names and addresses of the
                            server; this machine's client trusts it. The page
                            uses TLS too if other machines can reach it
  --new-token               adds a new token; the old one stays valid until it
                            is removed from the token file
  -h, --help                this text

Subcommands:
  show             print the settings; tokens and passwords are hidden
  check            have the programs check their configuration
  set KEY VALUE    set a key in each file that has it (log.level is in both);
                   VALUE is text, a number, true, false, or TOML in brackets
  certificate      make a new server certificate with the same authority, for
                   the same names or for those given; clients need no change
  enrol NAME       make a token for the client of that name and print the file
                   that contains it. The token is valid for this client only.
                   With --any-name it is valid for any client, and for HTTP
  revoke NAME      delete that client's tokens and end its connection
  rotate-token     replace this machine's own token. Both tokens are valid until
                   every program here uses the new one. Server and client read
                   the token file by themselves: they do not restart and lose
                   nothing; simulated clients restart. For other machines:
                   './resmon deploy client HOST… --rotate-token'

Exit codes: 0 done, 1 failed, 2 usage, 3 the configuration has an error

Examples:
  ./resmon configure --http-address 0.0.0.0:7412 --interval 1s
  ./resmon configure set store.directory '/srv/resmon data'
  ./resmon configure set client.servers '["a:7411", "b:7411"]'
  ./resmon configure --tls monitor.example.org --tcp-address 0.0.0.0:7411
  ./resmon configure enrol web1
  ./resmon configure check
TEXT
}

main() {
  case ${1-} in
    show)
      [[ ${2---json} == --json && $# -le 2 ]] || unknown_argument "$2"
      configure_show "${2-}"
      ;;
    check | rotate-token)
      (($# == 1)) || unknown_argument "$2"
      "configure_${1//-/_}"
      ;;
    enrol)
      configure_enrol "${@:2}"
      ;;
    revoke)
      (($# == 2)) || die usage "configure revoke takes a client's name"
      take_lock 20
      write_missing '' ''
      configure_revoke "$2"
      ;;
    certificate)
      take_lock 20
      configure_certificate "${@:2}"
      ;;
    '')
      if [[ -t 0 && -t 2 ]]; then ask_all; else configure_flags; fi
      ;;
    set)
      (($# == 3)) || die usage "configure set takes a KEY and a VALUE"
      take_lock 20
      write_missing '' ''
      configure_set "$2" "$3"
      ;;
    *) configure_flags "$@" ;;
  esac
}

configure_flags() {
  local http='' tcp='' servers='' host='' interval='' level='' new_token='' list='' server tls=''
  local -a arguments=() names=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --http-address | --tcp-address | --servers | --host | --interval | --log-level | --tls)
        need_value "$1" $#
        case $1 in
          --http-address) http=$2 ;;
          --tcp-address) tcp=$2 ;;
          --servers) servers=$2 ;;
          --host) host=$2 ;;
          --interval) interval=$2 ;;
          --log-level) level=$2 ;;
          --tls) tls=$2 ;;
        esac
        shift
        ;;
      --new-token) new_token=yes ;;
      *) unknown_argument "$1" ;;
    esac
    shift
  done
  check_address --http-address "$http"
  check_address --tcp-address "$tcp"
  take_lock 20
  # Addresses for others are refused without TLS, so that comes first.
  if [[ -n $tls ]]; then write_missing '' ''; else write_missing "$http" "$tcp"; fi
  [[ -z $tls ]] || configure_tls "$tls" "$http"
  [[ -z $http ]] || configure_set http.address "$http"
  [[ -z $tcp ]] || configure_set listen.address "$tcp"
  if [[ -n $servers ]]; then
    IFS=, read -r -a names <<<"$servers"
    for server in "${names[@]}"; do
      check_address --servers "$server"
      list+="${list:+, }$(toml_string "$server")"
    done
    configure_set client.servers "[$list]"
  fi
  [[ -z $host ]] || configure_set client.host "$host"
  [[ -z $interval ]] || configure_set client.interval "$interval"
  [[ -z $level ]] || configure_set log.level "$level"
  [[ -z $new_token ]] || add_token
  say "the configuration is in $RESMON_HOME; './resmon restart' applies it to running programs"
}

check_address() {
  [[ -z $2 ]] || port_of "$2" >/dev/null || die usage "$1: '$(printable "$2")' is not HOST:PORT"
}

write_missing() {
  local -a config_written=()
  need_binaries "${RESMON_NO_BUILD:-yes}"
  ensure_config "$1" "$2"
  ((${#config_written[@]} == 0)) || say "wrote ${config_written[*]} in $RESMON_HOME"
  [[ -e $RESMON_HOME/.env ]] || write_env
}

# Compose and shells read .env: it has the addresses and the path of the token file, never the token itself.
write_env() {
  {
    printf '# Written by ./resmon configure. For compose and for shells: set -a; . %s\n' "'$RESMON_HOME/.env'"
    printf '# Settings here win over server.toml and client.toml. Uncomment those to use.\n\n'
    printf '# A database beside the embedded store; INFLUX_TOKEN is better in a file: sink.influx.token_file.\n'
    printf '#INFLUX_URL=http://127.0.0.1:8086\n#INFLUX_ORG=resmon\n#INFLUX_BUCKET=resmon\n\n'
    printf '# Where the server listens.\n#RESMON_HTTP_ADDRESS=%s\n#RESMON_LISTEN_ADDRESS=%s\n' "$(http_address)" "$(tcp_address)"
    printf '# How often clients sample.\n#RESMON_CLIENT_INTERVAL=5s\n'
  } | write_private "$RESMON_HOME/.env"
  say "wrote .env in $RESMON_HOME"
}

# configure_tls NAMES HTTP: authority, certificate, both files.
configure_tls() {
  local prefix http=$2
  local -a names=()
  IFS=, read -r -a names <<<"$1"
  prefix=$(tls_directory)/server
  make_certificate "$prefix" "${names[@]}"
  configure_set tls.certificate_file "$prefix.crt" server
  configure_set tls.key_file "$prefix.key" server
  configure_set listen.tls true
  configure_set tls.ca_file "$(tls_directory)/ca.crt" client
  configure_set tls.enabled true client
  http=${http:-$(toml_get "$(server_config)" http.address || true)}
  case ${http%:*} in
    127.* | localhost | '[::1]' | '') ;;
    *) configure_set http.tls true ;;
  esac
}

# configure_certificate NAME…: another certificate of the same authority. The names of the present one where none are given.
configure_certificate() {
  local prefix line
  local -a names=("$@")
  prefix=$(tls_directory)/server
  [[ -s $prefix.crt ]] || die configuration "there is no certificate yet" "./resmon configure --tls NAME"
  if ((${#names[@]} == 0)); then
    line=$(openssl x509 -in "$prefix.crt" -noout -ext subjectAltName | tail -n 1)
    line=${line//IP Address:/} line=${line//DNS:/} line=${line// /}
    IFS=, read -r -a names <<<"$line"
  fi
  mapfile -t names < <(printf '%s\n' "${names[@]}" | grep -vxE 'localhost|127\.0\.0\.1|0:0:0:0:0:0:0:1|::1')
  make_certificate "$prefix" "${names[@]}"
  say "the server uses it after ./resmon restart server"
}

configure_enrol() {
  local directory=$RESMON_HOME/enrolled file any=''
  if [[ ${1-} == --any-name ]]; then
    any=yes
    shift
  fi
  if [[ ${2-} == --any-name && -z $any ]]; then
    any=yes
    set -- "$1" "${@:3}"
  fi
  (($# == 1)) || die usage "configure enrol takes a client's name"
  [[ $1 =~ ^[A-Za-z0-9._-]{1,200}$ && $1 != [.-]* ]] || die usage "'$(printable "$1")' is not a name of letters, digits, dots and dashes"
  take_lock 20
  write_missing '' ''
  (umask 077 && mkdir -p -- "$directory")
  backup "$(token_file)"
  enrol "$1" "$any"
  file=$directory/$1.token
  tokens_of "$1" "$any" | head -n 1 | write_private "$file"
  tell_house
  say "$1${any:+, like any other client,} can connect now. Its token is in this file:"
  printf '%s\n' "$file"
}

configure_revoke() {
  backup "$(token_file)"
  revoke "$1" || die failed "the token file has no token of $(printable "$1")" "only clients with a token of their own can be revoked: ./resmon configure enrol NAME"
  rm -f -- "$RESMON_HOME/enrolled/$1.token"
  tell_house
  say "revoked the tokens of $(printable "$1")"
}

# configure_rotate_token: both are good; then everything here uses the new one; then only that is good. Server and client read their
# files again by themselves; simulated clients read theirs at start.
configure_rotate_token() {
  local file old name since=0
  take_lock 60
  need_binaries yes
  file=$(token_file)
  [[ -s $file ]] || die configuration "there is no token yet" "./resmon configure"
  old=$(first_token "$file")
  ! is_running server || since=$(server_time)
  add_token
  tell_house
  for name in load simulate; do
    ! is_running "$name" || start_again "$name"
  done
  ! is_running server || wait_connected "$since"
  drop_token "$old"
  tell_house
  say "revoked the old token"
}

# tell_house: waits until the server here, when it runs, has the token file as it is now.
tell_house() {
  ! is_running server || await_tokens "$(jq -r .http_url <<<"$(endpoints)")" "$(written_at "$(token_file)")"
}

server_time() { http_get "$(jq -r .http_url <<<"$(endpoints)")/api/v1/hosts" "$(token_file)" 2>/dev/null | jq '.server_time' || printf 0; }

# wait_connected SINCE: this machine's clients have come with the new token; until then the old one must not go.
wait_connected() {
  local url name deadline=$((SECONDS + 60))
  local -a names=()
  ! is_running client || names+=("$(client_host)")
  ! is_running scripts || names+=("$(toml_get "$RESMON_HOME/scripts.toml" client.host)")
  url=$(jq -r .http_url <<<"$(endpoints)")
  for name in "${names[@]}"; do
    until http_get "$url/api/v1/hosts" "$(token_file)" 2>/dev/null | jq -e --arg host "$name" --argjson since "$1" \
      'any(.hosts[]; .host == $host and .connected and .connected_since > $since)' >/dev/null 2>&1; do
      ((SECONDS < deadline)) || die failed "$(printable "$name") did not connect with the new token within 60 s; the old token stays valid"
      sleep 0.2
    done
  done
}

# ask QUESTION DEFAULT: the answer on standard output.
ask() {
  local answer
  read -r -e -p "$1 [$2]: " answer || exit 1
  printf '%s' "${answer:-$2}"
}

# ask_yes QUESTION DEFAULT: whether the answer is yes. Any other word than yes or no is asked for again.
ask_yes() {
  local answer
  while :; do
    answer=$(ask "$1" "$2") || exit 1
    case ${answer,,} in
      y | yes) return 0 ;;
      n | no) return 1 ;;
    esac
    say "answer yes or no, not '$(printable "$answer")'"
  done
}

# ask_for KIND QUESTION DEFAULT: as ask, until the answer is a duration, an address (HOST:PORT) or a name.
ask_for() {
  local answer
  while :; do
    answer=$(ask "$2" "$3") || exit 1
    case $1 in
      duration) [[ ! $answer =~ ^[1-9][0-9]{0,6}(ms|s|m|h)$ ]] || break ;;
      address) ! port_of "$answer" >/dev/null || break ;;
      name) [[ -z $answer || ${#answer} -gt 200 || $answer == *[[:cntrl:][:space:]]* ]] || break ;;
    esac
    case $1 in
      duration) say "'$(printable "$answer")' is not a duration such as 500ms, 5s or 1m" ;;
      address) say "'$(printable "$answer")' is not HOST:PORT such as 0.0.0.0:7411" ;;
      name) say "'$(printable "$answer")' is not a host name" ;;
    esac
  done
  printf '%s' "$answer"
}

ask_all() {
  local http tcp interval server_names host default
  local -a flags=()
  make_home
  say "Press Enter for the answer in brackets. Nothing is written before the last question."
  host=$(ask_for name 'Name of this machine' "$(client_host)")
  interval=$(ask_for duration 'Time between two samples' "$(setting "$(client_config)" client.interval 5s)")
  http=$(ask_for address 'Page and HTTP interface listen at' "$(http_address)")
  tcp=$(ask_for address 'Clients connect to' "$(tcp_address)")
  default=no
  case ${tcp%:*} in 127.* | localhost | '[::1]') ;; *) default=yes ;; esac
  [[ $(setting "$(server_config)" listen.tls false) != true ]] || default=no
  if ask_yes 'Make certificates (needed for clients on other machines)' "$default"; then
    server_names=$(ask "Names and addresses of this server, comma-separated" "$(uname -n)")
    flags+=(--tls "$server_names")
  fi
  ask_yes 'Write this' yes || die failed "nothing was changed"
  configure_flags --host "$host" --interval "$interval" --http-address "$http" --tcp-address "$tcp" "${flags[@]}"
}

# configure_set KEY VALUE [PROGRAM]: on a copy that the program checks; then the file is replaced.
configure_set() {
  local key=$1 text=$2 value file program
  local -a owners=(${3:+"$3"})
  [[ $key =~ ^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+$ ]] || die usage "'$(printable "$key")' is not a key such as http.address"
  for program in client server; do
    [[ -z ${3-} ]] || break
    ! toml_names "$RESMON_HOME/$program.toml" "$key" || owners+=("$program")
  done
  # A key that neither sample has: a table of one's own such as sink.NAME, or a mistake that the program names.
  if ((${#owners[@]} == 0)); then
    if [[ $key == client.* ]]; then owners=(client); else owners=(server); fi
  fi
  value=$(as_toml "$text")
  for program in "${owners[@]}"; do
    file=$RESMON_HOME/$program.toml
    [[ $(toml_get "$file" "$key" || true) != "$(toml_plain "$value")" ]] || continue
    (umask 077 && cp -- "$file" "$file.next")
    toml_set "$file.next" "$key" "$value"
    if ! accepted "$program" "$file.next"; then
      rm -f -- "$file.next"
      die configuration "resmon-$program rejects $key = $(printable "$text"); nothing was changed" "$refusal"
    fi
    backup "$file"
    mv -f -- "$file.next" "$file"
    say "$program.toml: set $key"
  done
}

# accepted PROGRAM FILE: whether the program accepts the file; its message goes to `refusal`. The message names a line of the copy
# FILE.next, which the user never sees, so that place is left out.
refusal=
accepted() {
  local status=0
  refusal=$("$RESMON_BUILD_DIR/bin/resmon-$1" --config "$2" --check-config 2>&1 </dev/null) || status=$?
  [[ $2 != *.next ]] || refusal=$(sed -E 's/[^ ]*\.next(:[0-9]+)*: //' <<<"$refusal")
  return "$status"
}

# add_token: a new first line. The clients take the first token, the server takes each.
add_token() {
  local file
  file=$(token_file)
  write_token "$file.next"
  backup "$file"
  (umask 077 && cat -- "$file.next" "$file" >"$file.new") && mv -f -- "$file.new" "$file"
  rm -f -- "$file.next"
  say "a new token is in $file; remove the old lines when every client has it"
}

configure_show() {
  local file program
  if [[ ${1-} == --json ]]; then
    for program in server client; do
      [[ -s $RESMON_HOME/$program.toml ]] || die configuration "$RESMON_HOME/$program.toml is not there yet" "./resmon configure writes it"
      toml_active "$RESMON_HOME/$program.toml" | jq -Rn --arg program "$program" \
        '{($program): (reduce (inputs | capture("^(?<key>[^=]*)=(?<value>.*)$")) as $line ({};
          .[$line.key] = (if $line.key | test("(token|password|secret)$") then "***"
            else ($line.value | try fromjson catch .) end)))}'
    done | jq -s add
    return
  fi
  for file in "$(server_config)" "$(client_config)"; do
    [[ -s $file ]] || die configuration "$file is not there yet" "./resmon configure writes it"
    printf '# %s\n' "$file"
    sed -E 's/^([ \t]*[A-Za-z0-9_]*(token|password|secret)[ \t]*=).*/\1 "***"/' -- "$file" |
      sed -E '/^[ \t]*(#|$)/d' | tr -d '\000-\010\013-\037\177'
    printf '\n'
  done
}

configure_check() {
  local program wrong=0
  need_binaries yes
  for program in server client; do
    if [[ ! -s $RESMON_HOME/$program.toml ]]; then
      say "$RESMON_HOME/$program.toml is not there yet; './resmon configure' writes it"
      wrong=1
    elif accepted "$program" "$RESMON_HOME/$program.toml"; then
      say "$program.toml is valid"
    else
      say "$program.toml has an error: $refusal"
      wrong=1
    fi
  done
  ((wrong == 0)) || return "$(exit_code configuration)"
}

# toml_active FILE: table.key=value for each key that is set.
toml_active() {
  awk '
    /^[ \t]*(#|$)/ { next }
    /^[ \t]*\[/ { table = $0; sub(/^[ \t]*\[/, "", table); sub(/\].*/, "", table); next }
    { at = index($0, "="); key = substr($0, 1, at - 1); gsub(/[ \t]/, "", key); value = substr($0, at + 1); sub(/^[ \t]+/, "", value)
      print table "." key "=" value }' "$1"
}
