# The two configuration files and the token. A file is begun from the program's own commented sample (--print-config), so that
# every key is there to read; then single keys are set in place, comments kept. Precedence is the programs': what is in the
# environment as RESMON_KEY wins over the file, so what is asked for here looks there first.
# shellcheck shell=bash
use process

server_config() { printf '%s' "$RESMON_HOME/server.toml"; }
client_config() { printf '%s' "$RESMON_HOME/client.toml"; }

# toml_string TEXT: TEXT as a TOML basic string. JSON's escapes are a subset of TOML's.
toml_string() { jq -cn --arg text "$1" '$text'; }

# as_toml VALUE: numbers, booleans, arrays and tables as they are, everything else as a string.
as_toml() {
  if [[ $1 =~ ^(true|false|-?[0-9]+(\.[0-9]+)?|\[.*\]|\{.*\})$ && $1 != *$'\n'* ]]; then
    printf '%s' "$1"
  else
    toml_string "$1"
  fi
}

# toml_get FILE TABLE.KEY: its value, unquoted; an array as one JSON line. Fails when the file does not set it.
toml_get() {
  local raw
  raw=$(TABLE=${2%.*} KEY=${2##*.} awk '
    /^[ \t]*\[/ { line = $0; sub(/^[ \t]*\[/, "", line); sub(/\].*/, "", line); inside = (line == ENVIRON["TABLE"]); next }
    inside {
      at = index($0, "=")
      if (at == 0) next
      name = substr($0, 1, at - 1)
      gsub(/[ \t]/, "", name)
      if (name == ENVIRON["KEY"]) { value = substr($0, at + 1); sub(/^[ \t]+/, "", value); print value; exit }
    }' "$1" 2>/dev/null) || return 1
  [[ -n $raw ]] || return 1
  toml_plain "$raw"
}

# toml_plain VALUE: a string without its quotes, anything else without the comment behind it.
toml_plain() {
  local raw=$1 string
  local basic='^("([^"\\]|\\.)*")' literal="^'([^']*)'" array='^(\[.*\])'
  if [[ $raw =~ $basic ]]; then
    string=${BASH_REMATCH[1]}
    jq -r . <<<"$string"
  elif [[ $raw =~ $literal ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
  elif [[ $raw =~ $array ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
  else
    raw=${raw%%#*}
    printf '%s\n' "${raw%"${raw##*[![:space:]]}"}"
  fi
}

# toml_set FILE TABLE.KEY VALUE: VALUE as TOML. In place of the key's line, or of its commented-out line, or at the end of the
# table, or in a table of its own at the end. The file keeps its comments and is replaced in one step.
toml_set() {
  local file=$1
  (
    umask 077
    TABLE=${2%.*} KEY=${2##*.} VALUE=$3 awk '
      function key_of(line,    at) {
        sub(/^[ \t]*#?[ \t]*/, "", line)
        at = index(line, "=")
        if (at == 0) return ""
        line = substr(line, 1, at - 1)
        sub(/[ \t]+$/, "", line)
        return line
      }
      { lines[NR] = $0 }
      END {
        table = ENVIRON["TABLE"]; key = ENVIRON["KEY"]; new = key " = " ENVIRON["VALUE"]
        for (i = 1; i <= NR; i++) {
          if (lines[i] ~ /^[ \t]*(#[ \t]*)?\[[A-Za-z0-9_."-]+\][ \t]*(#.*)?$/) {
            if (inside) { last = i - 1; inside = 0 }
            if (lines[i] ~ /^[ \t]*\[/) {
              name = lines[i]; sub(/^[ \t]*\[/, "", name); sub(/\].*/, "", name)
              if (name == table) { header = i; inside = 1; last = NR }
            }
          } else if (inside && key_of(lines[i]) == key) {
            if (lines[i] !~ /^[ \t]*#/) { if (!active) active = i } else commented = i
          }
        }
        place = active ? active : commented
        if (header && !place) {
          while (last > header && lines[last] ~ /^[ \t]*(#.*)?$/) last--
          append = last
        }
        for (i = 1; i <= NR; i++) {
          print (i == place ? new : lines[i])
          if (i == append) print new
        }
        if (!header) { if (NR && lines[NR] != "") print ""; print "[" table "]"; print new }
      }' "$file" >"$file.new"
  )
  mv -f -- "$file.new" "$file"
}

# toml_names FILE TABLE.KEY: whether FILE has that key, set or commented out: the sample has all that the program knows.
toml_names() {
  TABLE=${2%.*} KEY=${2##*.} awk '
    /^[ \t]*\[/ { name = $0; sub(/^[ \t]*\[/, "", name); sub(/\].*/, "", name); inside = (name == ENVIRON["TABLE"]) }
    inside {
      name = $0; sub(/^[ \t]*#?[ \t]*/, "", name)
      if (sub(/[ \t]*=.*/, "", name) && name == ENVIRON["KEY"]) found = 1
    }
    END { exit !found }' "$1"
}

# toml_known FILE: TABLE.KEY=VALUE of each key that FILE has, set or commented out, but those of tables that are commented out.
toml_known() {
  awk '
    /^[ \t]*(#[ \t]*)?\[[A-Za-z0-9_."-]+\][ \t]*(#.*)?$/ {
      table = $0
      if (sub(/^[ \t]*\[/, "", table)) sub(/\].*/, "", table); else table = ""
      next
    }
    table != "" && match($0, /^[ \t]*#?[ \t]*[a-z][a-z0-9_]*[ \t]*=/) {
      key = substr($0, 1, RLENGTH - 1); value = substr($0, RLENGTH + 1)
      gsub(/[# \t]/, "", key); sub(/^[ \t]+/, "", value)
      print table "." key "=" value
    }' "$1"
}

# setting FILE TABLE.KEY DEFAULT: the value that the program uses: from RESMON_TABLE_KEY, else from the file, else the default.
setting() {
  local variable value
  variable=RESMON_${2//./_}
  variable=${variable^^}
  if [[ -n ${!variable-} ]]; then
    printf '%s\n' "${!variable}"
  elif value=$(toml_get "$1" "$2"); then
    printf '%s\n' "$value"
  else
    printf '%s\n' "$3"
  fi
}

http_address() { setting "$(server_config)" http.address 127.0.0.1:7412; }
tcp_address() { setting "$(server_config)" listen.address 127.0.0.1:7411; }
http_url() {
  local scheme=http
  [[ $(setting "$(server_config)" http.tls false) != true ]] || scheme=https
  printf '%s://%s' "$scheme" "$(dialable "$(http_address)")"
}
token_file() { setting "$(server_config)" auth.token_file "$RESMON_HOME/token"; }

# client_host: the name under which this machine's client reports.
client_host() {
  local host
  host=$(setting "$(client_config)" client.host '')
  [[ -n $host ]] || host=$(uname -n)
  printf '%s' "$host"
}

# seconds_of DURATION DEFAULT: "250ms", "5s", "2m", "1h" in whole seconds, rounded up.
seconds_of() {
  if [[ $1 =~ ^([0-9]{1,7})(ms|s|m|h)$ ]]; then
    case ${BASH_REMATCH[2]} in
      ms) printf '%s' "$(((10#${BASH_REMATCH[1]} + 999) / 1000))" ;;
      s) printf '%s' "$((10#${BASH_REMATCH[1]}))" ;;
      m) printf '%s' "$((10#${BASH_REMATCH[1]} * 60))" ;;
      h) printf '%s' "$((10#${BASH_REMATCH[1]} * 3600))" ;;
    esac
  else
    printf '%s' "$2"
  fi
}

# write_token FILE: a new random token of 256 bits, for the owner's eyes only.
write_token() {
  (
    umask 077
    od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$1.new"
    printf '\n' >>"$1.new"
    chmod 0600 -- "$1.new"
  )
  mv -f -- "$1.new" "$1"
}

# begin_config FILE PROGRAM: FILE from the program's commented sample.
begin_config() {
  (umask 077 && "$2" --print-config >"$1.new" </dev/null) || die failed "$2 cannot print its configuration (--print-config)"
  mv -f -- "$1.new" "$1"
}

# ensure_config HTTP_ADDRESS TCP_ADDRESS: writes whatever of token, server.toml and client.toml is not there yet. An empty
# address means the default. Sets `config_written` to the names of the files that it wrote.
ensure_config() {
  local http=${1:-127.0.0.1:7412} tcp=${2:-127.0.0.1:7411} file
  config_written=()
  if [[ ! -s $RESMON_HOME/token ]]; then
    write_token "$RESMON_HOME/token"
    config_written+=(token)
  fi
  file=$(server_config)
  if [[ ! -s $file ]]; then
    begin_config "$file" "$RESMON_BUILD_DIR/bin/resmon-server"
    toml_set "$file" listen.address "$(toml_string "$tcp")"
    toml_set "$file" http.address "$(toml_string "$http")"
    toml_set "$file" server.report_interval '"10s"' # what the page's server view shows of the time before it was opened
    toml_set "$file" auth.token_file "$(toml_string "$RESMON_HOME/token")"
    toml_set "$file" store.directory "$(toml_string "$RESMON_HOME/store")"
    toml_set "$file" alerts.rules_file "$(toml_string "$RESMON_HOME/alerts.toml")"
    toml_set "$file" log.file "$(toml_string "$RESMON_HOME/log/server.log")"
    config_written+=(server.toml)
  fi
  file=$(client_config)
  if [[ ! -s $file ]]; then
    begin_config "$file" "$RESMON_BUILD_DIR/bin/resmon-client"
    toml_set "$file" client.servers "[$(toml_string "$(dialable "$tcp")")]"
    toml_set "$file" client.token_file "$(toml_string "$RESMON_HOME/token")"
    toml_set "$file" spool.directory "$(toml_string "$RESMON_HOME/spool")"
    toml_set "$file" log.file "$(toml_string "$RESMON_HOME/log/client.log")"
    script_collectors "$file"
    config_written+=(client.toml)
  fi
}

# check_config PROGRAM FILE [LINE]: the program's own opinion of it; fails with the contract's code for a wrong configuration, and
# prints LINE after the error.
check_config() {
  local output
  output=$("$1" --config "$2" --check-config 2>&1 </dev/null) ||
    die configuration "the configuration $2 has an error" "${output:-$1 --check-config failed and printed nothing}" ${3:+"$3"}
}

# keep_given: saves settings from the environment in the programs' files, so that a restart from another shell has them too. Secrets
# go into files of their own.
keep_given() {
  local program file key sample variable
  local -a kept
  for program in server client; do
    file=$RESMON_HOME/$program.toml kept=()
    [[ -s $file ]] || continue
    (umask 077 && cp -- "$file" "$file.next")
    while IFS='=' read -r key sample; do
      variable=RESMON_${key//./_}
      variable=${variable^^}
      [[ -z ${!variable-} ]] || keep_key "$key" "$(given_as_toml "${!variable}" "$sample")"
    done < <(toml_known "$file")
    [[ $program != server ]] || keep_given_sinks
    if ((${#kept[@]} == 0)); then
      rm -f -- "$file.next"
      continue
    fi
    if ! (check_config "$RESMON_BUILD_DIR/bin/resmon-$program" "$file.next"); then
      rm -f -- "$file.next"
      die configuration "resmon-$program rejects settings from the environment: ${kept[*]}"
    fi
    backup "$file"
    mv -f -- "$file.next" "$file"
    say "$program.toml: set from the environment: ${kept[*]}"
    ! is_running "$program" || warn "the $program that runs uses them after './resmon restart $program'"
  done
}

# keep_key KEY VALUE: into "$file.next", where it is another; adds it to `kept`. The caller's variables.
keep_key() {
  [[ $(toml_get "$file.next" "$1" || true) != "$(toml_plain "$2")" ]] || return 0
  toml_set "$file.next" "$1" "$2"
  kept+=("$1")
}

# given_as_toml VALUE SAMPLE: an environment variable's value as TOML of the sample's type.
given_as_toml() {
  case $2 in
    '"'*) toml_string "$1" ;;
    '['*) if [[ $1 == '['* ]]; then printf '%s' "$1"; else jq -cn --arg list "$1" '$list | split(",")'; fi ;;
    *) as_toml "$1" ;;
  esac
}

# keep_given_sinks: databases, which the sample does not have: INFLUX_URL with its kin, and RESMON_SINK_NAME_KEY.
keep_given_sinks() {
  local variable name key
  if [[ -n ${INFLUX_URL-} ]]; then
    for key in url org bucket token; do
      variable=INFLUX_${key^^}
      [[ -z ${!variable-} ]] || keep_sink_key influx "$key" "${!variable}"
    done
  fi
  for variable in "${!RESMON_SINK_@}"; do
    [[ -n ${!variable} && $variable =~ ^RESMON_SINK_([A-Z0-9]+)_([A-Z0-9_]+)$ ]] || continue
    name=${BASH_REMATCH[1]} key=${BASH_REMATCH[2]}
    keep_sink_key "${name,,}" "${key,,}" "${!variable}"
  done
}

# keep_sink_key NAME KEY VALUE
keep_sink_key() {
  local secret=$RESMON_HOME/sink-$1.$2
  case $2 in
    token | password)
      [[ $(cat -- "$secret" 2>/dev/null || true) == "$3" ]] || printf '%s\n' "$3" | write_private "$secret"
      keep_key "sink.$1.$2_file" "$(toml_string "$secret")"
      ;;
    *_bytes | gzip | create_database | tls_verify | unsigned_integers) keep_key "sink.$1.$2" "$(as_toml "$3")" ;;
    *) keep_key "sink.$1.$2" "$(toml_string "$3")" ;;
  esac
}

# backup FILE: a copy beside it, named by the time; the newest three stay. One command leaves one copy of a file, however many keys
# it changes. Does nothing when there is no file.
declare -gA backed_up=() # global: this file is sourced by a function
backup() {
  local name
  local -a copies
  [[ -e $1 && -z ${backed_up[$1]-} ]] || return 0
  backed_up[$1]=yes
  name=$1.$(date -u +%Y%m%dT%H%M%S.%3NZ).bak
  (umask 077 && cp -- "$1" "$name") && chmod 0600 -- "$name"
  copies=("$1".*.bak)
  ((${#copies[@]} <= 3)) || rm -f -- "${copies[@]:0:${#copies[@]}-3}"
}

readonly script_names=(users top_processes top_cpu df_space)

# script_examples: sets `examples` to the options that make resmon-load run the examples in bash. Commas separate such a list, so
# where the path itself has one there are none.
script_examples() {
  local name list=''
  examples=()
  [[ $RESMON_ROOT != *,* ]] || return 0
  for name in "${script_names[@]}"; do list+="${list:+,}$RESMON_ROOT/automation/collectors/$name"; done
  # shellcheck disable=SC2034 # the caller's
  examples=(--set "load.scripts=$list")
}

# client_tls: sets `tls` to the options that make resmon-load connect with the TLS settings of this machine's client.
client_tls() {
  local key value
  tls=()
  [[ $(setting "$(client_config)" tls.enabled false) == true ]] || return 0
  # shellcheck disable=SC2034 # the caller's
  tls=(--set tls.enabled=true)
  for key in tls.ca_file tls.server_name; do
    value=$(setting "$(client_config)" "$key" '')
    [[ -z $value ]] || tls+=(--set "$key=$value")
  done
}

# script_collectors FILE: the examples in bash, as collectors of that client.
script_collectors() {
  local directory=$RESMON_ROOT/automation/collectors name
  for name in "${script_names[@]}"; do
    toml_set "$1" "script.$name.command" "[$(toml_string "$directory/$name")]"
    toml_set "$1" "script.$name.interval" '"30s"'
  done
  toml_set "$1" script.df_space.tag_keys '["path", "fstype"]'
}
