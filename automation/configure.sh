# Writes, shows, checks and changes the configuration files
# shellcheck shell=bash
use process config http ports build

usage() {
  cat <<'TEXT'
Usage: ./resmon configure [OPTION]…
       ./resmon configure show
       ./resmon configure check
       ./resmon configure set KEY VALUE

Writes whatever of token, server.toml and client.toml is missing under RESMON_HOME, and puts the options into them. A file that
changes is first copied to FILE.TIME.bak; a change that the program would not accept is not made. Running programs read
their files at the next start.

Options:
  --http-address HOST:PORT  where the page and the HTTP interface listen; default 127.0.0.1:7412
  --tcp-address HOST:PORT   where clients connect; default 127.0.0.1:7411
  --servers LIST            the servers of this machine's client, comma-separated, tried in order
  --host NAME               the name this machine reports under; default its host name
  --interval D              time between two samples of this machine's client, such as 1s
  --log-level L             debug, info, warn or error, for both programs
  --new-token               a new token; the server takes the old one too until it is removed from the token file
  -h, --help                this text

show prints both files with tokens and passwords hidden; check asks the programs; set changes one key in each file that knows it
(log.level is in both). VALUE is text, a number, true, false, or TOML in brackets.

Exit codes: 0 done, 1 failed, 2 usage, 3 the configuration is not right

Examples:
  ./resmon configure --http-address 0.0.0.0:7412 --interval 1s
  ./resmon configure set store.directory '/srv/resmon data'
  ./resmon configure set client.servers '["a:7411", "b:7411"]'
  ./resmon configure check
TEXT
}

main() {
  case ${1-} in
    show | check)
      (($# == 1)) || unknown_argument "$2"
      "configure_$1"
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
  local http='' tcp='' servers='' host='' interval='' level='' new_token='' list='' server
  local -a arguments=() names=()
  split_equals "$@"
  set -- "${arguments[@]}"
  while (($#)); do
    case $1 in
      --http-address | --tcp-address | --servers | --host | --interval | --log-level)
        need_value "$1" $#
        case $1 in
          --http-address) http=$2 ;;
          --tcp-address) tcp=$2 ;;
          --servers) servers=$2 ;;
          --host) host=$2 ;;
          --interval) interval=$2 ;;
          --log-level) level=$2 ;;
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
  write_missing "$http" "$tcp"
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
  say "the configuration is in $RESMON_HOME"
}

check_address() {
  [[ -z $2 ]] || port_of "$2" >/dev/null || die usage "$1: '$(printable "$2")' is not HOST:PORT"
}

write_missing() {
  local -a config_written=()
  need_binaries "${RESMON_NO_BUILD:-yes}"
  ensure_config "$1" "$2"
  ((${#config_written[@]} == 0)) || say "wrote ${config_written[*]} in $RESMON_HOME"
}

# as_toml VALUE: numbers, booleans, arrays and tables as they are, everything else as a string.
as_toml() {
  if [[ $1 =~ ^(true|false|-?[0-9]+(\.[0-9]+)?|\[.*\]|\{.*\})$ && $1 != *$'\n'* ]]; then
    printf '%s' "$1"
  else
    toml_string "$1"
  fi
}

# configure_set KEY VALUE: on a copy that the program checks; then the file is replaced.
configure_set() {
  local key=$1 text=$2 value file program
  local -a owners=()
  [[ $key =~ ^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+$ ]] || die usage "'$(printable "$key")' is not a key such as http.address"
  for program in client server; do
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
      die configuration "resmon-$program does not take $key = $(printable "$text"); nothing was changed" "$refusal"
    fi
    backup "$file"
    mv -f -- "$file.next" "$file"
    say "$program.toml: set $key"
  done
}

# accepted PROGRAM FILE: asks the program; leaves its words in `refusal`.
refusal=
accepted() {
  refusal=$("$RESMON_BUILD_DIR/bin/resmon-$1" --config "$2" --check-config 2>&1 </dev/null)
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
  local file
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
      say "$program.toml is right"
    else
      say "$program.toml is not right: $refusal"
      wrong=1
    fi
  done
  ((wrong == 0)) || return "$(exit_code configuration)"
}
